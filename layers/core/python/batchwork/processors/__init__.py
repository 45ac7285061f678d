"""What is done to one item, per family."""
