"""The Codeer-compatible family (seed 002)."""
