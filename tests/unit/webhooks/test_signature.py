from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from unit.webhooks.deliveries import a_delivery

from batchwork.domain import signature

# signature-vectors.md, number 2
BODY = (
    b'{"event":"batch.completed","timestamp":"2024-01-15T10:45:00Z","data":{"id":"6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11"'
    b',"status":"completed","total_requests":2,"completed_requests":2,"failed_requests":0}}'
)
SIGNATURE = "sha256=8fe60a99a22872387e14f73e4c63ca8615aed2c5364034d54f7d59bb02c8f5bb"
AT = datetime.fromtimestamp(1705315500, UTC)


def verify_webhook(payload: bytes, signature: str, timestamp: str, secret: str) -> bool:
    """The seed's own function, letter by letter."""
    signed_payload = f"{timestamp}.".encode("utf-8") + payload  # noqa: UP012 -- the seed's own words
    expected = hmac.new(secret.encode("utf-8"), signed_payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={expected}", signature)


def now() -> datetime:
    return datetime.now(UTC)


def test_the_published_vector_comes_out() -> None:
    headers = signature.headers(a_delivery(body=BODY), AT)
    assert headers["X-Codeer-Signature"] == SIGNATURE
    assert headers["X-Codeer-Timestamp"] == "1705315500"


@pytest.mark.parametrize("secret", ["your-webhook-secret", "whsec_test", "gehëim ✓", "x" * 255, "."])
def test_the_seeds_own_function_verifies(secret: str) -> None:
    headers = signature.headers(a_delivery(body=BODY, secret=secret), now())
    assert verify_webhook(BODY, headers["X-Codeer-Signature"], headers["X-Codeer-Timestamp"], secret)
    assert not verify_webhook(BODY + b" ", headers["X-Codeer-Signature"], headers["X-Codeer-Timestamp"], secret)


@pytest.mark.parametrize("secret", ["your-webhook-secret", "gehëim ✓", "x" * 255, "whsec_a", "whsec_"])
def test_the_standard_library_verifies_a_free_text_secret_in_its_whsec_form(secret: str) -> None:
    headers = signature.headers(a_delivery(body=BODY, secret=secret), now())
    form = "whsec_" + base64.b64encode(secret.encode()).decode()
    assert Webhook(form).verify(BODY, headers)["event"] == "batch.completed"
    with pytest.raises(WebhookVerificationError):
        Webhook(form).verify(BODY + b" ", headers)


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_dGVzdA", "whsec_test"])
def test_the_standard_library_verifies_a_whsec_secret_as_it_is(secret: str) -> None:
    headers = signature.headers(a_delivery(body=BODY, secret=secret), now())
    assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_are_an_id_and_a_time_but_no_signature(secret: str | None) -> None:
    assert signature.headers(a_delivery(event_id="e-1", secret=secret), AT) == {
        "Content-Type": "application/json",
        "webhook-id": "e-1",
        "webhook-timestamp": "1705315500",
    }


def test_two_attempts_share_the_id_and_nothing_that_is_signed_with_the_time() -> None:
    delivery = a_delivery()
    first, second = (signature.headers(delivery, AT + timedelta(seconds=n)) for n in (0, 5))
    assert first["webhook-id"] == second["webhook-id"] == delivery.event_id
    for name in ("webhook-timestamp", "webhook-signature", "X-Codeer-Signature", "X-Codeer-Timestamp"):
        assert first[name] != second[name]


def test_the_secret_is_in_no_header_and_in_no_printed_delivery() -> None:
    delivery = a_delivery(secret="your-webhook-secret")
    assert "your-webhook-secret" not in str(signature.headers(delivery, AT)) + repr(delivery)


# signature-vectors.md, number 3
POST_CREATED = (
    b'{"id":"evt_abc001","type":"post.created","createdAt":"2026-06-01T10:00:00Z","data":{"id":"post_abc123"}}'
)


def test_the_published_vector_of_the_operations_family_comes_out() -> None:
    delivery = a_delivery(
        id="d-1", style="voxburst", event_id="evt_abc001", event_type="post.created", body=POST_CREATED,
        secret="whsec_test",
    )  # fmt: skip
    headers = signature.headers(delivery, AT)
    assert headers["X-VoxBurst-Signature"] == "sha256=cea087407567a59e2e39f43cf7f706ae109422c48a559329bb30e87dcb61866a"
    assert headers["X-VoxBurst-Event"] == "post.created"
    assert headers["X-VoxBurst-Delivery-Id"] == "d-1"
    assert headers["X-VoxBurst-Timestamp"] == headers["webhook-timestamp"] == "1705315500"
    assert headers["webhook-id"] == "evt_abc001"


def test_an_endpoints_secret_verifies_in_both_ways_as_it_was_shown() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signature.headers(a_delivery(style="voxburst", body=POST_CREATED, secret=secret), now())
    assert Webhook(secret).verify(POST_CREATED, headers)
    digest = hmac.new(secret.encode(), POST_CREATED, hashlib.sha256).hexdigest()
    assert headers["X-VoxBurst-Signature"] == f"sha256={digest}"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(POST_CREATED + b" ", headers)


def test_each_style_has_its_own_headers_and_no_others() -> None:
    codeer, voxburst = (
        {name.split("-")[1] for name in signature.headers(a_delivery(style=style), AT) if name.startswith("X-")}
        for style in ("codeer", "voxburst")
    )
    assert (codeer, voxburst) == ({"Codeer"}, {"VoxBurst"})
