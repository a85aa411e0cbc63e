"""What each policy of retraining would have cost: the batches come one by one, as they did."""
