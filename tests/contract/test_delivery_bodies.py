"""Bodies of deliveries apart from their rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.bodies import FakeBodies
from unit.webhooks.deliveries import a_delivery

from batchwork.adapters import aws
from batchwork.adapters.packing import bucket as opened
from batchwork.adapters.payloads import S3Bodies
from batchwork.ports.webhooks import DeliveryBodies


@pytest.fixture(params=["fake", "s3"])
def bodies(request: pytest.FixtureRequest) -> DeliveryBodies:
    return FakeBodies() if request.param == "fake" else S3Bodies(opened(request.getfixturevalue("bucket")))


def test_what_is_kept_is_read_byte_for_byte_and_to_keep_it_again_changes_nothing(bodies: DeliveryBodies) -> None:
    delivery = a_delivery(body=b"\x00\xff" * 200_000)
    blob = bodies.keep(delivery)
    assert blob == bodies.keep(delivery)
    assert bodies.read(blob) == delivery.body


def test_each_delivery_has_a_place_of_its_own(bodies: DeliveryBodies) -> None:
    first, second = (bodies.keep(a_delivery(body=body)) for body in (b"1", b"2"))
    assert (bodies.read(first), bodies.read(second)) == (b"1", b"2")


def test_what_is_not_kept_any_more_is_told_apart(bodies: DeliveryBodies) -> None:
    with pytest.raises(KeyError):
        bodies.read("payloads/acme/none")


def test_a_url_names_the_place_and_says_how_long_it_holds(bodies: DeliveryBodies) -> None:
    blob = bodies.keep(a_delivery())
    url = bodies.url(blob, timedelta(hours=1))
    assert blob in url
    assert "3600" in url


def test_it_is_json_below_the_prefix_that_expires(bucket: str) -> None:
    delivery = a_delivery(body=b'{"a":1}')
    blob = S3Bodies(opened(bucket)).keep(delivery)
    assert blob == f"payloads/acme/{delivery.id}"
    assert aws.client("s3").head_object(Bucket=bucket, Key=blob)["ContentType"] == "application/json"
