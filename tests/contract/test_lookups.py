"""LookupStore: what the fake and the table must both do."""

from __future__ import annotations

import pytest
from fakes.lookups import FakeLookups

from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.lookup import Lookup, LookupKind
from batchwork.ports.lookups import LookupStore

PRODUCTS = Lookup(LookupKind.DATASET, {"dataset": "products", "field": "sku"})
FUNCTION = Lookup(
    LookupKind.FUNCTION, {"function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:prices", "group_size": 25}
)
UPSTREAM = Lookup(LookupKind.HTTP, {"url": "https://api.example.com/look", "secret_ref": None})


@pytest.fixture(params=["fake", "table"])
def lookups(request: pytest.FixtureRequest) -> LookupStore:
    return FakeLookups() if request.param == "fake" else DynamoLookups(request.getfixturevalue("table"))


def test_where_nobody_chose_there_is_nothing(lookups: LookupStore) -> None:
    assert lookups.get("acme", "signals") is None
    assert lookups.find("acme") == {}


@pytest.mark.parametrize("lookup", [Lookup(), PRODUCTS, FUNCTION, UPSTREAM], ids=["echo", "dataset", "lambda", "http"])
def test_what_was_chosen_comes_back_whole(lookups: LookupStore, lookup: Lookup) -> None:
    lookups.put("acme", "signals", lookup)
    assert lookups.get("acme", "signals") == lookup


def test_choosing_again_replaces(lookups: LookupStore) -> None:
    lookups.put("acme", "signals", FUNCTION)
    lookups.put("acme", "signals", PRODUCTS)
    assert lookups.get("acme", "signals") == PRODUCTS
    assert lookups.find("acme") == {"signals": PRODUCTS}


def test_endpoints_and_workspaces_choose_for_themselves(lookups: LookupStore) -> None:
    lookups.put("acme", "signals", PRODUCTS)
    lookups.put("acme", "enrichment", UPSTREAM)
    lookups.put("other", "signals", FUNCTION)
    assert lookups.get("acme", "intelligence") is None
    assert lookups.find("acme") == {"signals": PRODUCTS, "enrichment": UPSTREAM}
    assert lookups.find("other") == {"signals": FUNCTION}
