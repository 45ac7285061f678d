"""Façades: paths, schemas, envelopes, pagination, words."""
