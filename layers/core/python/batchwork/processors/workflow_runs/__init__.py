"""What is done to a run's file: the steps of its workflow."""
