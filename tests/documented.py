"""docs/openapi.yaml, as tests read it, and what its families have in common each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from batchwork.domain.lookup import ENDPOINTS
from batchwork.edge.endpoint import Envelope
from batchwork.families.lookups.errors import LookupsEnvelope
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope

DOCUMENT = Path(__file__).parents[1] / "docs/openapi.yaml"
LOOKUPS = {f"/api/v1/{endpoint}/batch" for endpoint in ENDPOINTS}
VERBS = ("get", "post", "put", "patch", "delete")
#: A verb and a path, as the document writes them.
Call = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What holds for every route of a family.

    paths: a pattern of those that are its own. error: the schema of its envelope. keyed: the verbs that take an
    Idempotency-Key, by the parameter `key`, but for the calls in `keyless`, which change nothing; refusals: statuses that
    come of one. metered: the calls that cost units. public: those that need no key.
    """

    name: str
    paths: str
    envelope: Envelope
    error: str
    keyed: frozenset[str]
    key: str
    refusals: frozenset[str]
    metered: frozenset[Call]
    keyless: frozenset[Call] = frozenset()
    public: frozenset[Call] = frozenset()

    def takes_key(self, verb: str, path: str) -> bool:
        return verb in self.keyed and (verb, path) not in self.keyless

    @property
    def reset(self) -> str:
        """The header that says what it means by X-RateLimit-Reset."""
        return f"MinuteReset{self.envelope.reset.name.title()}"


def _posts(*paths: str) -> frozenset[Call]:
    return frozenset(("post", path) for path in paths)


FAMILIES = (
    Family(
        name="lookups",
        paths=rf"/api/v1/({'|'.join(ENDPOINTS)}|me)(/|\Z)",
        envelope=LookupsEnvelope(),
        error="LookupsError",
        keyed=frozenset({"post"}),
        key="IdempotencyKey",
        refusals=frozenset({"409", "422"}),
        metered=_posts(*LOOKUPS),
    ),
    Family(
        name="messages",
        paths="/api/v1/",
        envelope=MessagesEnvelope(),
        error="Error",
        keyed=frozenset({"post"}),
        key="IdempotencyKey",
        refusals=frozenset({"400", "409", "422"}),
        metered=_posts("/api/v1/batches", "/api/v1/chats/{chat_id}/messages"),
    ),
    Family(
        name="operations",
        paths="/v1/",
        envelope=OperationsEnvelope(),
        error="OperationsError",
        keyed=frozenset({"post", "patch", "delete"}),
        key="OperationsKey",
        refusals=frozenset({"400", "409"}),
        metered=_posts("/v1/batch", "/v1/batch/transaction", "/v1/batch/async"),
        keyless=_posts("/v1/batch/dry-run", "/v1/posts/validate"),
        public=frozenset({("get", "/v1/health")}),
    ),
    Family(
        name="workflow runs",
        paths=r"/(workflow_runs|workflows|files|webhook_endpoints|webhook_subscriptions)(/|\Z)",
        envelope=WorkflowRunsEnvelope(),
        error="RunsError",
        keyed=frozenset({"post", "delete"}),
        key="IdempotencyKey",
        refusals=frozenset({"400", "409", "422"}),
        metered=_posts("/workflow_runs/batch", "/workflow_runs"),
    ),
)


def family_of(path: str) -> Family:
    return next(family for family in FAMILIES if re.match(family.paths, path))


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found = document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def served_at(path: str) -> list[str]:
    """Return where a documented path is served: below each of its servers, which are the document's unless it has others."""
    servers = document()["paths"][path].get("servers", document()["servers"])
    return [f"{server['url'].removeprefix('{base_url}')}{path}" for server in servers]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (verb, path, operation), its parameters and responses resolved."""
    for path, verbs in document()["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                told = verbs[verb]
                yield (
                    verb,
                    path,
                    {
                        **told,
                        "parameters": [resolved(each) for each in told.get("parameters", [])],
                        "responses": {code: resolved(each) for code, each in told["responses"].items()},
                    },
                )


def errors_of(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (status, response) of every error that is ours: not what an upstream answers."""
    for code, response in operation["responses"].items():
        if code != "default" and code >= "400":
            yield code, response


def rules(schema: Any) -> OAS31Validator:
    """Return what tells whether a value fits a schema of the document."""
    whole = {"allOf": [schema], "components": document()["components"]}
    return OAS31Validator(whole, format_checker=oas31_format_checker)


def check(schema: str, value: Any) -> None:
    rules({"$ref": f"#/components/schemas/{schema}"}).validate(value)


def examples_in(node: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, schema, example) of every media type, parameter and header below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            if "example" in node:
                yield f"{place}/example", node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{place}/examples/{name}", node["schema"], resolved(example)["value"]
        for name, below in node.items():
            yield from examples_in(below, f"{place}/{name}")
    elif isinstance(node, list):
        for index, below in enumerate(node):
            yield from examples_in(below, f"{place}/{index}")


def examples_of(told: dict[str, Any]) -> list[Any]:
    """Return every example of a response, or of a request's body."""
    body = told["content"]["application/json"]
    if "example" in body:
        return [body["example"]]
    return [resolved(each)["value"] for each in body.get("examples", {}).values()]
