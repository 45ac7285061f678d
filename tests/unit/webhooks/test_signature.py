from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from unit.webhooks.deliveries import a_delivery

from batchwork.domain import signature
from batchwork.domain.webhook import Delivery, PayloadRef

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
    codeer, voxburst, extend = (
        {name.split("-")[1] for name in signature.headers(a_delivery(style=style), AT) if name.upper().startswith("X-")}
        for style in ("codeer", "voxburst", "extend")
    )
    assert (codeer, voxburst, extend) == ({"Codeer"}, {"VoxBurst"}, {"extend"})


# signature-vectors.md, number 1
RUN_COMPLETED = (
    b'{"eventId":"event_1234","eventType":"workflow_run.completed",'
    b'"payload":{"object":"workflow_run","id":"workflow_run_1234"}}'
)


def a_run_told(**changes: Any) -> Delivery:
    return a_delivery(
        **{
            "style": "extend",
            "event_id": "event_1234",
            "event_type": "workflow_run.completed",
            "body": RUN_COMPLETED,
            "secret": "wss_test_secret_123",
            "version": "2026-02-09",
            **changes,
        }
    )


def test_the_published_vector_of_the_workflow_runs_family_comes_out() -> None:
    headers = signature.headers(a_run_told(), datetime.fromtimestamp(1707777128, UTC))
    assert headers["x-extend-request-timestamp"] == "1707777128"
    assert headers["x-extend-request-signature"] == "a5053fca0a912c3db3ea0a6a77bd9f45ea00ad4c726a38eaedd1a3c3003e2822"
    assert headers["x-extend-api-version"] == "2026-02-09"
    assert headers["webhook-id"] == "event_1234"


def test_the_secret_of_the_workflow_runs_family_is_used_whole_as_text_in_both_ways() -> None:
    headers = signature.headers(a_run_told(secret="wss_abc"), now())
    signed = f"v0:{headers['x-extend-request-timestamp']}:".encode() + RUN_COMPLETED
    assert headers["x-extend-request-signature"] == hmac.new(b"wss_abc", signed, hashlib.sha256).hexdigest()
    assert Webhook("whsec_" + base64.b64encode(b"wss_abc").decode()).verify(RUN_COMPLETED, headers)


def test_a_version_that_nobody_pinned_is_not_told() -> None:
    assert "x-extend-api-version" not in signature.headers(a_run_told(version=None), AT)


# ── While a rotation's overlap lasts ──

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_plJ3nmyCDGBKInavdOK15jsl"


@pytest.mark.parametrize("style", ["codeer", "voxburst", "extend"])
def test_who_knows_either_secret_verifies_the_standard_header(style: str) -> None:
    rotating = replace(a_delivery(style=style, body=BODY, secret=OLD), next_secret=NEW)
    headers = signature.headers(rotating, now())
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_dGhpcmQ=").verify(BODY, headers)


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("codeer", "X-Codeer-Signature"),
        ("voxburst", "X-VoxBurst-Signature"),
        ("extend", "x-extend-request-signature"),
    ],
)
def test_the_own_header_stays_with_the_secret_before_and_next_to_it_is_the_new_ones(style: str, name: str) -> None:
    before = a_delivery(style=style, body=BODY, secret=OLD, version="2026-02-09")
    rotating = signature.headers(replace(before, next_secret=NEW), AT)
    old, new = (signature.headers(replace(before, secret=secret), AT) for secret in (OLD, NEW))
    assert rotating[name] == old[name]
    assert rotating[f"{name}-Next"] == new[name] != old[name]
    # Nothing that the secret does not change comes twice.
    assert rotating.keys() - old.keys() == {f"{name}-Next"}


def test_no_secret_of_a_rotation_is_printed() -> None:
    assert NEW not in repr(replace(a_delivery(secret=OLD), next_secret=NEW))


# ── What an endpoint asks to be sent besides ──


def test_headers_of_the_endpoint_go_along_and_never_take_the_place_of_ours() -> None:
    asked = {
        "Authorization": "Bearer x",
        "X-EXTEND-Request-Signature": "forged",
        "content-type": "text/plain",
        "Webhook-Id": "forged",
    }
    plain = signature.headers(a_run_told(), AT)
    assert signature.headers(replace(a_run_told(), headers=asked), AT) == {"Authorization": "Bearer x"} | plain


@pytest.mark.parametrize("header", [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("X-A\n", "a"), ("", "a"), ("X-A", "☃")])
def test_what_cannot_be_a_header_is_not_sent(header: tuple[str, str]) -> None:
    asked = dict([header])
    assert signature.headers(replace(a_run_told(), headers=asked), AT) == signature.headers(a_run_told(), AT)


def test_what_an_endpoint_asks_to_be_sent_is_not_printed() -> None:
    assert "Bearer" not in repr(replace(a_run_told(), headers={"Authorization": "Bearer x"}))


# ── A payload that goes as a URL ──


def test_a_payload_by_url_is_told_with_what_it_is_of() -> None:
    told = a_run_told(body=b"", payload=PayloadRef("workflow_run_1", {"customer": "é", "n": 1.0}))
    assert signature.by_url(told, "https://bucket.example/x?a=1&b=2").decode() == (
        '{"eventId":"event_1234","eventType":"workflow_run.completed","payload":{"object":"signed_data_url",'
        '"data":"https://bucket.example/x?a=1&b=2","id":"workflow_run_1","metadata":{"customer":"é","n":1}}}'
    )


def test_a_payload_without_metadata_tells_none() -> None:
    told = json.loads(signature.by_url(a_run_told(payload=PayloadRef("workflow_run_1")), "https://x.example/"))
    assert told["payload"].keys() == {"object", "data", "id"}


def test_versions_before_2026_are_told_the_url_alone() -> None:
    ref = PayloadRef("workflow_run_1", {"a": 1})
    told = json.loads(signature.by_url(a_run_told(version="2025-04-21", payload=ref), "https://x.example/"))
    assert told["payload"] == {"object": "signed_data_url", "data": "https://x.example/"}


def test_styles_without_such_an_envelope_are_not_given_one() -> None:
    with pytest.raises(ValueError, match="voxburst"):
        signature.by_url(a_run_told(style="voxburst", payload=PayloadRef("x")), "https://x.example/")
