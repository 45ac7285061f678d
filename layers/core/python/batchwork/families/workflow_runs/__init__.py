"""The workflow runs family, compatible with the Extend batch run API (seed 003)."""

#: Scopes of its runs.
READ, WRITE = "workflow_runs:read", "workflow_runs:write"
