from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from factories import AT
from unit.webhooks.deliveries import an_endpoint

from batchwork.domain.webhook_endpoint import PATIENCE, Health, secret_of
from batchwork.use_cases.webhook_endpoints import random_secret


def test_events_are_kept_for_an_endpoint_unless_its_owner_disabled_it() -> None:
    assert an_endpoint().listens
    assert an_endpoint(enabled=False, switched_off=True).listens
    assert not an_endpoint(enabled=False).listens


def test_a_secret_is_whsec_and_base64_of_its_bytes() -> None:
    assert secret_of(b"\x00" * 24, "voxburst") == f"whsec_{'A' * 32}"


def test_secrets_have_at_least_24_random_bytes_and_are_never_the_same() -> None:
    made = {random_secret("voxburst") for _ in range(100)}
    assert len(made) == 100
    assert min(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in made) >= 24


def test_failures_count_from_the_first_after_a_success() -> None:
    health = Health()
    for minute, succeeded in enumerate((False, True, False, False)):
        health = health.after(AT + timedelta(minutes=minute), succeeded=succeeded)
    assert health == Health(
        last_delivery_at=AT + timedelta(minutes=3), failures=2, failing_since=AT + timedelta(minutes=2)
    )


@pytest.mark.parametrize(("waited", "given_up"), [(PATIENCE, False), (PATIENCE + timedelta(seconds=1), True)])
def test_an_endpoint_is_given_up_when_it_failed_for_longer_than_five_days(waited: timedelta, given_up: bool) -> None:
    assert Health(failures=1, failing_since=AT).given_up(AT + waited) is given_up
    assert not Health(last_delivery_at=AT).given_up(AT + waited)
    assert timedelta(days=5) == PATIENCE
