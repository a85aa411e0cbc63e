"""Bring a model to where it runs, and back, by Git."""
