"""Webhook headers: Standard Webhooks on every delivery, and the signature of the family's own API beside them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from batchwork.domain.webhook import Delivery

#: Returns a family's own headers for (delivery, secret, Unix seconds).
Signer = Callable[[Delivery, str, int], dict[str, str]]

_PREFIX = "whsec_"


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


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


#: A family's own signature, by the style of its deliveries.
SIGNERS: dict[str, Signer] = {"codeer": codeer, "voxburst": voxburst}


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


def standard(event_id: str, body: bytes, secret: str | None, timestamp: int) -> dict[str, str]:
    """Return the Standard Webhooks headers; without a secret there is an id and a time but no signature."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if secret:
        signed = f"{event_id}.{timestamp}.".encode() + body
        digest = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def headers(delivery: Delivery, at: datetime) -> dict[str, str]:
    """Return the headers of an attempt made at a time: the same id for every attempt, its own time and signatures."""
    timestamp = int(at.timestamp())
    own = SIGNERS[delivery.style](delivery, delivery.secret, timestamp) if delivery.secret else {}
    return (
        {"Content-Type": "application/json"}
        | standard(delivery.event_id, delivery.body, delivery.secret, timestamp)
        | own
    )
