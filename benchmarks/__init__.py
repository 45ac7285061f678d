"""What proves the numbers: `make bench`."""
