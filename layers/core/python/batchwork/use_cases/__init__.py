"""Verbs: what Batchwork does, written against ports."""
