"""What an operator lets the lookups endpoints do."""

from __future__ import annotations

import pytest
from unit.datasets.conftest import World

from batchwork.domain.errors import InvalidRequest, NotFound
from batchwork.domain.item import Json
from batchwork.domain.lookup import Lookup, LookupKind

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:prices"


def test_endpoints_echo_where_nobody_chose(world: World) -> None:
    assert world.endpoints.all("acme") == {
        "intelligence": Lookup(LookupKind.ECHO),
        "signals": Lookup(LookupKind.ECHO),
        "enrichment": Lookup(LookupKind.ECHO),
    }


def test_the_field_of_an_item_is_named_as_the_datasets_key_unless_it_is_told_otherwise(world: World) -> None:
    world.load({"sku": "a"})
    chosen = world.endpoints.choose("acme", "signals", Lookup(LookupKind.DATASET, {"dataset": "products"}))
    assert chosen.settings == {"dataset": "products", "field": "sku"}
    told = Lookup(LookupKind.DATASET, {"dataset": "products", "field": "id"})
    assert world.endpoints.choose("acme", "signals", told).settings == {"dataset": "products", "field": "id"}
    assert world.endpoints.all("acme")["signals"] == told


def test_a_choice_is_one_workspaces_and_one_endpoints(world: World) -> None:
    world.endpoints.choose("acme", "signals", Lookup(LookupKind.FUNCTION, {"function_arn": ARN, "group_size": 25}))
    assert world.endpoints.all("acme")["enrichment"].kind is LookupKind.ECHO
    assert world.endpoints.all("other")["signals"].kind is LookupKind.ECHO


def test_echo_undoes_a_choice(world: World) -> None:
    world.endpoints.choose("acme", "signals", Lookup(LookupKind.HTTP, {"url": "https://api.example.com"}))
    world.endpoints.choose("acme", "signals", Lookup())
    assert world.endpoints.all("acme")["signals"] == Lookup()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (LookupKind.FUNCTION, {"function_arn": ARN, "group_size": 1}),
        (LookupKind.FUNCTION, {"function_arn": f"{ARN}:live", "group_size": 1000}),
        (LookupKind.FUNCTION, {"function_arn": f"{ARN}:$LATEST", "group_size": 25}),
        (LookupKind.FUNCTION, {"function_arn": ARN.replace("arn:aws:", "arn:aws-us-gov:"), "group_size": 25}),
        (LookupKind.HTTP, {"url": "https://api.example.com/look?a=b", "secret_ref": None}),
        (LookupKind.HTTP, {"url": "https://api.example.com", "secret_ref": "ssm:/prod/key"}),
        (LookupKind.HTTP, {"url": "https://api.example.com", "secret_ref": "secretsmanager:prod/key"}),
    ],
    ids=["one", "alias", "latest", "gov", "url", "ssm", "secretsmanager"],
)
def test_what_can_be_reached_is_taken(world: World, kind: LookupKind, settings: Json) -> None:
    world.endpoints.choose("acme", "signals", Lookup(kind, settings))
    assert world.lookups.get("acme", "signals") == Lookup(kind, settings)


@pytest.mark.parametrize(
    ("kind", "settings", "places"),
    [
        (LookupKind.DATASET, {"dataset": "nothing", "field": "sku"}, ["dataset"]),
        (LookupKind.DATASET, {"dataset": "products", "field": ""}, ["field"]),
        (LookupKind.FUNCTION, {"function_arn": "prices", "group_size": 25}, ["function_arn"]),
        (LookupKind.FUNCTION, {"function_arn": f"{ARN}/x", "group_size": 25}, ["function_arn"]),
        (LookupKind.FUNCTION, {"function_arn": ARN.replace("1234", "१२३४"), "group_size": 25}, ["function_arn"]),
        (LookupKind.FUNCTION, {"function_arn": f"{ARN}\n", "group_size": 0}, ["function_arn", "group_size"]),
        (LookupKind.FUNCTION, {"function_arn": ARN, "group_size": 1001}, ["group_size"]),
        (LookupKind.HTTP, {"url": "ftp://example.com"}, ["url"]),
        (LookupKind.HTTP, {"url": "http://api.example.com"}, ["url"]),
        (LookupKind.HTTP, {"url": "https://10.0.0.1"}, ["url"]),
        (LookupKind.HTTP, {"url": "https://169.254.169.254/latest"}, ["url"]),
        (LookupKind.HTTP, {"url": "https://db.internal", "secret_ref": "hunter2"}, ["url", "secret_ref"]),
        (LookupKind.HTTP, {"url": "https://api.example.com", "secret_ref": "ssm:"}, ["secret_ref"]),
    ],
    ids=[
        *("no-dataset", "no-field", "no-arn", "odd-arn", "odd-digits", "two", "group"),
        *("ftp", "plain", "private", "metadata", "internal-and-secret", "secret"),
    ],
)
def test_what_can_never_answer_is_refused_and_nothing_is_changed(
    world: World, kind: LookupKind, settings: Json, places: list[str]
) -> None:
    world.load({"sku": "a"})
    with pytest.raises(InvalidRequest) as refused:
        world.endpoints.choose("acme", "signals", Lookup(kind, settings))
    assert [problem.place for problem in refused.value.problems] == places
    assert "hunter2" not in str(refused.value.problems)
    assert world.lookups.get("acme", "signals") is None


def test_another_workspaces_dataset_is_not_there(world: World) -> None:
    world.load({"sku": "a"})
    with pytest.raises(InvalidRequest, match="Invalid"):
        world.endpoints.choose("other", "signals", Lookup(LookupKind.DATASET, {"dataset": "products"}))


def test_an_unknown_endpoint_or_workspace_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.endpoints.choose("acme", "games", Lookup())
    assert [problem.place for problem in refused.value.problems] == ["endpoint"]
    with pytest.raises(NotFound):
        world.endpoints.choose("nowhere", "signals", Lookup())
    with pytest.raises(NotFound):
        world.endpoints.all("nowhere")
