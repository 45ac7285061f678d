"""The 8bitedge-compatible family (seed 004)."""

from batchwork.domain.lookup import ENDPOINTS

#: The scope that each endpoint needs.
SCOPES = {endpoint: f"{endpoint}.read" for endpoint in ENDPOINTS}
