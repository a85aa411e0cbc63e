"""What is ours: how columns become features, and what is fitted."""
