"""What the rows of a window have to look like, and how far others are from it."""
