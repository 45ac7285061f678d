"""Rules without clock, environment, AWS or HTTP."""
