"""Request limits of a running stack's workspaces, raised for load that no plan allows: journeys and benchmarks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import botocore.session

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.plan import CHANGEABLE


def client_of(stack: dict[str, Any], service: str) -> Any:
    """Return an AWS client of a running stack, whatever this process's environment says."""
    access = stack["aws"]
    return botocore.session.Session().create_client(
        service,
        endpoint_url=access["endpoint_url"],
        region_name=access["AWS_DEFAULT_REGION"],
        aws_access_key_id=access["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=access["AWS_SECRET_ACCESS_KEY"],
    )


def lift(stack: dict[str, Any]) -> None:
    """Let every workspace call as often as an operator may allow at all; functions that know it see it in 15 s."""
    identities = DynamoIdentities(stack["outputs"]["TableName"], client_of(stack, "dynamodb"))
    most = {name: CHANGEABLE[name] for name in ("per_minute", "per_day")}
    for workspace in identities.workspaces():
        identities.put_workspace(replace(workspace, changes={**workspace.changes, **most}))
