"""Batchwork: one engine, four public batch APIs."""
