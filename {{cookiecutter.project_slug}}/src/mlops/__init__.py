"""Train, gate, release and roll back one model by Git."""
