"""The Codeer-compatible family (seed 002)."""

FAMILY = "messages"
#: Scopes of its batches.
READ, WRITE = "batches:read", "batches:write"
