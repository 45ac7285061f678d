"""Functions are tested against the same table and bucket as the adapters."""

from __future__ import annotations

from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
