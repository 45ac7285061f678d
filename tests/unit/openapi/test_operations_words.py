"""Words, fields and bounds of the operations family are the same in docs/openapi.yaml and in the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from documented import DOCUMENT, document, resolved, rules
from pydantic import BaseModel
from unit.openapi.counter import Counter, documented

from batchwork.domain import account, media, platforms
from batchwork.domain.account import AccountStatus
from batchwork.domain.media import MediaStatus
from batchwork.domain.operation import (
    MAX_BODY,
    MAX_ID,
    MAX_OPERATIONS,
    MAX_PATH,
    METHODS,
    ROOTS,
    TIMEOUT,
    root_of,
    scope_of,
)
from batchwork.domain.plan import PLANS
from batchwork.domain.post import PartStatus, PostStatus
from batchwork.domain.webhook import SCHEDULES
from batchwork.families.operations import errors, events
from batchwork.families.operations.accounts import CallbackBody, ConnectBody, PageBody
from batchwork.families.operations.batches import patience_of
from batchwork.families.operations.forward import MAX_ANSWER
from batchwork.families.operations.media import UploadBody
from batchwork.families.operations.post_schemas import BulkBody, FixBody, PostBody, WordsBody
from batchwork.families.operations.presenters import JobStatus
from batchwork.families.operations.webhook_deliveries import Rotation, Since
from batchwork.families.operations.webhooks import NewWebhook, Trial, WebhookChanges

TEMPLATE = DOCUMENT.parents[1] / "template.yaml"


def test_every_call_below_the_roots_names_the_scope_of_its_root() -> None:
    for (verb, path), told in documented().items():
        root = root_of(path)
        beginning = "No scope" if root is None else f"Scope `{scope_of(verb.upper(), root)}`."
        assert told["description"].startswith(beginning), (verb, path)


def test_words_are_those_of_the_code() -> None:
    schemas = document()["components"]["schemas"]
    told = {name: schemas[name]["enum"] for name in schemas if isinstance(schemas[name].get("enum"), list)}
    assert told["PlatformConstant"] == list(platforms.PLATFORMS) == list(account.PLATFORMS)
    assert told["Platform"] == [name.lower() for name in platforms.PLATFORMS]
    assert told["ContentType"] == list(platforms.CONTENT_TYPES)
    assert told["PostStatus"] == list(PostStatus)
    assert told["PostStatusConstant"] == [status.upper() for status in PostStatus]
    assert told["PostPlatformStatus"] == list(PartStatus)
    assert set(told["AccountStatus"]) == set(AccountStatus)
    assert told["MediaStatus"] == list(MediaStatus)
    assert told["MediaStatusConstant"] == [status.upper() for status in MediaStatus]
    assert told["MediaContentType"] == list(media.LIMITS)
    assert told["WebhookEvent"] == list(events.EVENTS)
    assert told["JobStatus"] == list(JobStatus)
    assert schemas["Operation"]["properties"]["method"]["enum"] == list(METHODS)
    assert schemas["OperationLimits"]["properties"]["allowedPaths"]["const"] == list(ROOTS)
    assert schemas["Key"]["properties"]["plan"]["enum"] == [plan.upper() for plan in PLANS]
    codes = {code for _, code in errors.TABLE.values()} | errors.PROBLEM_CODES | {"IDEMPOTENCY_INVALID_KEY"}
    assert set(schemas["OperationsError"]["properties"]["error"]["properties"]["code"]["enum"]) == codes


def test_the_limits_of_a_batch_are_those_of_the_code() -> None:
    schemas = document()["components"]["schemas"]
    operations = schemas["OperationBatch"]["properties"]["operations"]
    assert (operations["minItems"], operations["maxItems"]) == (1, MAX_OPERATIONS)
    one = schemas["Operation"]["properties"]
    assert (one["id"]["minLength"], one["id"]["maxLength"], one["path"]["maxLength"]) == (1, MAX_ID, MAX_PATH)
    assert f"{MAX_BODY:,} bytes" in one["body"]["description"]
    limits = schemas["OperationLimits"]["properties"]
    assert limits["maxOperations"]["const"] == MAX_OPERATIONS
    assert limits["timeoutMs"]["maximum"] == TIMEOUT // timedelta(milliseconds=1)
    assert all(rules({"$ref": "#/components/schemas/Operation/properties/path"}).is_valid(root) for root in ROOTS)


def test_what_a_deployment_may_change_is_told_as_it_is_by_default() -> None:
    defaults = dict(re.findall(r"^  (\w+):\n    Type: Number\n    Default: (\d+)$", TEMPLATE.read_text(), re.MULTILINE))
    told = next(tag for tag in document()["tags"] if tag["name"] == "Operations")["description"]
    assert f"({defaults['OperationConcurrency']} at the most" in told
    patience = patience_of(timedelta(milliseconds=int(defaults["GatewayTimeoutMillis"])))
    assert f"that is less: {patience.seconds} unless" in told
    assert f"for {defaults['JobRetentionDays']} days" in documented()["post", "/v1/batch/async"]["description"]
    assert defaults["BatchDeadlineHours"] == "24"
    (upstreams,) = (tag["description"] for tag in document()["tags"] if tag["name"] == "Posts")
    assert f"It has {defaults['OperationTimeoutSeconds']} seconds" in upstreams
    assert MAX_ANSWER == 1024**2


def test_waits_between_attempts_are_told_as_they_are() -> None:
    waits = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=12)]
    assert list(SCHEDULES[events.STYLE]) == waits
    told = next(tag for tag in document()["tags"] if tag["name"] == "Webhooks")["description"]
    assert "after 1 minute, 5 minutes, 30 minutes, 2 hours and 12 hours" in " ".join(told.split())


def test_no_social_network_is_called_says_the_document() -> None:
    told = {tag["name"]: tag["description"] for tag in document()["tags"]}
    assert "No social network is called" in told["Posts"]
    assert "No social network is called" in documented()["post", "/v1/posts/{id}/publish"]["description"]


class Read(dict[str, str]):
    """A query that notes what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("path", ROOTS)
def test_the_queries_of_lists_are_those_that_are_read(path: str) -> None:
    query = Read()
    Counter()("get", path, query=query)
    told = [each for each in documented()["get", path]["parameters"] if each["in"] == "query"]
    assert {each["name"] for each in told} == query.names


#: Schemas of bodies → what reads them.
BODIES: dict[str, type[BaseModel]] = {
    "PostFields": PostBody,
    "PostWords": WordsBody,
    "NewPosts": BulkBody,
    "PostFix": FixBody,
    "ConnectionOn": ConnectBody,
    "Granted": CallbackBody,
    "PageChoice": PageBody,
    "NewMedia": UploadBody,
    "NewWebhook": NewWebhook,
    "WebhookChanges": WebhookChanges,
    "WebhookTrial": Trial,
    "WebhookRotation": Rotation,
    "WebhookRecovery": Since,
}
BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern")
#: Bounds that the code reads by hand, or that follow from a list of words.
BY_HAND = {
    ("PostFix", "mediaUrl"),
    ("WebhookTrial", "webhookId"),
    ("NewMedia", "sizeBytes"),
    *(("PostFields", name) for name in ("platforms", "contentType", "threadPosts")),
    *(("PostWords", name) for name in ("platforms", "contentType", "threadPosts")),
    *((name, "platformOverrides") for name in ("PostFields", "PostWords")),
    *((name, "overrides") for name in ("PostFields", "PostWords")),
    ("NewMedia", "contentType"),
    ("ConnectionOn", "platform"),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_fields_of_bodies_are_those_that_are_read(name: str) -> None:
    told = properties(document()["components"]["schemas"][name])
    shape = BODIES[name].model_json_schema(by_alias=True)
    assert told.keys() == shape["properties"].keys()
    for field, schema in told.items():
        if (name, field) not in BY_HAND:
            assert bounds(schema, document()) == bounds(shape["properties"][field], shape), field


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a schema and of all that it is made of."""
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= properties(resolved(part))
    return found


def bounds(schema: Any, whole: dict[str, Any]) -> set[tuple[str, Any]]:
    """Return every bound in a schema, and in what it refers to."""
    return set(_bounds(schema, whole))


def _bounds(node: Any, whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            found = whole
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            yield from _bounds(found, whole)
        yield from ((name, node[name]) for name in BOUNDS if name in node and not isinstance(node[name], dict))
        for below in node.values():
            yield from _bounds(below, whole)
    elif isinstance(node, list):
        for below in node:
            yield from _bounds(below, whole)
