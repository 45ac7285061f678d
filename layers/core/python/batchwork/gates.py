"""What HTTP functions put before their routes, wired to the one table."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.rates import DynamoRates
from batchwork.edge import telemetry
from batchwork.edge.endpoint import Gate
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.once import Once

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from batchwork.adapters.packing import Packer
    from batchwork.ports import Clock


def to_look(table: str, dynamodb: DynamoDBClient, clock: Clock) -> Gate:
    """Return the gate of a function whose routes only look."""
    identities, rates = DynamoIdentities(table, dynamodb), DynamoRates(table, dynamodb)
    return Gate(Authenticate(identities, clock), LimitRequests(rates, clock))


def to_act(table: str, dynamodb: DynamoDBClient, clock: Clock, packer: Packer, service: str) -> Gate:
    """Return the gate of a function with routes that act, each once under an Idempotency-Key."""
    from batchwork.adapters.dynamodb.claims import DynamoClaims

    gate = to_look(table, dynamodb, clock)
    unkept = telemetry.unexpected(telemetry.logger(service))
    once = Once(DynamoClaims(table, packer, dynamodb), clock, lambda: str(uuid4()), unkept)
    return Gate(gate.authenticate, gate.limit, once)
