"""The workflow runs family, compatible with the Extend batch run API (seed 003)."""
