"""Webhook headers: Standard Webhooks on every delivery, and the signature of the family's own API beside them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from batchwork.domain.item import Json
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook import Delivery

#: Returns a family's own headers for (delivery, secret, Unix seconds).
Signer = Callable[[Delivery, str, int], dict[str, str]]

_PREFIX = "whsec_"
#: After the name of a header of a family's own that the secret changes: the same signed with the secret that follows.
NEXT = "-Next"
#: What a header may be (RFC 9110, 5.1 and 5.5): others of an endpoint's own are not sent.
_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\x20-\x7e\xa0-\xff]*")
#: The shapes in which a payload's URL comes with what it is of (spec workflow runs 4.9).
_EXTEND_WITH_ID = "2026-02-09"


def codeer(delivery: Delivery, secret: str, timestamp: int) -> dict[str, str]:
    """Sign as the messages family does (seed 002): HMAC-SHA256 over ``{timestamp}.{raw body}``, hex."""
    digest = _hex(secret, f"{timestamp}.".encode() + delivery.body)
    return {"X-Codeer-Signature": f"sha256={digest}", "X-Codeer-Timestamp": str(timestamp)}


def voxburst(delivery: Delivery, secret: str, timestamp: int) -> dict[str, str]:
    """Sign as the operations family does (spec operations 1.9): HMAC-SHA256 over the raw body, hex.

    The secret is used as text, ``whsec_`` included. The time is not signed here; that of the Standard Webhooks headers is.
    """
    return {
        "X-VoxBurst-Signature": f"sha256={_hex(secret, delivery.body)}",
        "X-VoxBurst-Event": delivery.event_type,
        "X-VoxBurst-Delivery-Id": delivery.id,
        "X-VoxBurst-Timestamp": str(timestamp),
    }


def extend(delivery: Delivery, secret: str, timestamp: int) -> dict[str, str]:
    """Sign as the workflow runs family does (spec workflow runs 4.9): HMAC-SHA256 over ``v0:{timestamp}:{raw body}``, bare
    hex. The secret is used as text, ``wss_`` included.
    """
    version = {"x-extend-api-version": delivery.version} if delivery.version else {}
    return {
        "x-extend-request-timestamp": str(timestamp),
        "x-extend-request-signature": _hex(secret, f"v0:{timestamp}:".encode() + delivery.body),
        **version,
    }


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


#: A family's own signature, by the style of its deliveries.
SIGNERS: dict[str, Signer] = {"codeer": codeer, "voxburst": voxburst, "extend": extend}


def standard_key(secret: str) -> bytes:
    """Return the key bytes of a secret for Standard Webhooks.

    ``whsec_`` followed by base64 is the specification's own form and is decoded, as leniently as its reference library
    does. Any other text is used as UTF-8: its receiver gives a library ``whsec_`` + base64 of the text.
    """
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX) + "==") or secret.encode()
        except (binascii.Error, ValueError):
            return secret.encode()
    return secret.encode()


def standard(event_id: str, body: bytes, secrets: Sequence[str], timestamp: int) -> dict[str, str]:
    """Return the Standard Webhooks headers, with a signature for each secret; without one there are an id and a time."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if secrets:
        signed = f"{event_id}.{timestamp}.".encode() + body
        digests = (hmac.new(standard_key(secret), signed, hashlib.sha256).digest() for secret in secrets)
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return headers


def headers(delivery: Delivery, at: datetime) -> dict[str, str]:
    """Return the headers of an attempt made at a time: the same id for every attempt, its own time and signatures.

    While a rotation's overlap lasts, the Standard Webhooks header has both signatures. A family's own header has room for
    one: it stays with the secret before, and the same header with ``-Next`` after its name is signed with the new one, so
    that who knows either can verify, and who knows nothing of rotations is not failed. What an endpoint asks to be sent
    besides never takes the place of a header of ours.
    """
    timestamp = int(at.timestamp())
    secrets = [secret for secret in (delivery.secret, delivery.next_secret) if secret]
    own = [SIGNERS[delivery.style](delivery, secret, timestamp) for secret in secrets]
    ours = {"Content-Type": "application/json"} | standard(delivery.event_id, delivery.body, secrets, timestamp)
    ours |= own[0] if own else {}
    if len(own) > 1:
        ours |= {f"{name}{NEXT}": value for name, value in own[1].items() if value != own[0][name]}
    return _besides(delivery.headers, ours) | ours


def _besides(asked: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Return what can be sent besides: names that are free in any case, and nothing that would end a header's line."""
    taken = {name.lower() for name in ours}
    return {
        name: value
        for name, value in asked.items()
        if name.lower() not in taken and _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    }


def by_url(delivery: Delivery, url: str) -> bytes:
    """Return the body of a delivery whose payload goes as a URL (spec workflow runs 4.9), as JSON.stringify prints it."""
    if delivery.style != "extend" or delivery.payload is None:
        raise ValueError(f"deliveries of style {delivery.style} have their payload in their body")
    payload: Json = {"object": "signed_data_url", "data": url}
    if delivery.version is None or delivery.version >= _EXTEND_WITH_ID:
        payload["id"] = delivery.payload.id
        if delivery.payload.metadata is not None:
            payload["metadata"] = delivery.payload.metadata
    told = {"eventId": delivery.event_id, "eventType": delivery.event_type, "payload": payload}
    return stringify(told).encode()
