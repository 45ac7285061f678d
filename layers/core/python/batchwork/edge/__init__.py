"""What the families share of HTTP."""
