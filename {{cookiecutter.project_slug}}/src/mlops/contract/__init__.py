"""What the data is: the contract, and everything that is derived from it."""
