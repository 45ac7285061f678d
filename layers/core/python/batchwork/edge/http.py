"""A request as API Gateway hands it over (REST API, payload 1.0), and the response it takes back."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from batchwork.domain.errors import MalformedBody, NotFound, UnsupportedMediaType

#: API Gateway gives up on a function (AWS limit).
GATEWAY_PATIENCE = timedelta(seconds=29)
#: Seconds that the start of a function may take (AWS limit of INIT).
LONGEST_START = 10.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_BOUNDARY = re.compile(r"boundary=\"?([^\";]{8,})", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, taken apart.

    resource: API Gateway's template of the path, such as ``/api/v1/batches/{batch_id}``; path: what was asked for,
    without stage and base path; parameters: what the template's braces matched; query: the last value of each parameter;
    pairs: every parameter as it was sent, in no order; headers: names in lower case; base_url: the public URL that
    documented paths are appended to; request_id: the client's X-Request-Id when it is sane, API Gateway's otherwise; time_left: how long the function that
    serves it can live; began: when API Gateway took it (monotonic seconds).
    """

    method: str
    resource: str
    path: str
    parameters: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""
    request_id: str = ""
    time_left: timedelta = GATEWAY_PATIENCE
    began: float = field(default_factory=time.monotonic, compare=False)

    @classmethod
    def from_event(
        cls, event: Mapping[str, Any], public_url: str = "", time_left: timedelta = GATEWAY_PATIENCE
    ) -> Request:
        """Read an event. public_url: what an operator says the API's URL is; it goes before what the event tells."""
        context = event.get("requestContext") or {}
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        many = event.get("multiValueQueryStringParameters") or {}
        query = {name: values[-1] for name, values in many.items() if values}
        wished = headers.get("x-request-id", "")
        return cls(
            method=event["httpMethod"],
            resource=event["resource"],
            path=_from_literal(str(event["path"]), str(event["resource"]))[1],
            parameters=dict(event.get("pathParameters") or {}),
            query=query or dict(event.get("queryStringParameters") or {}),
            pairs=tuple((name, value) for name, values in many.items() for value in values),
            headers=headers,
            body=_body(event),
            base_url=public_url.rstrip("/") or _base_url(event, headers),
            request_id=wished if _REQUEST_ID.fullmatch(wished) else str(context.get("requestId", "")),
            time_left=time_left,
            began=time.monotonic() - _waited(context),
        )

    @property
    def url(self) -> str:
        """Return the public URL of the request's path, without query."""
        return self.base_url + self.path

    @property
    def elapsed(self) -> timedelta:
        """Return how long it has been served."""
        return timedelta(seconds=time.monotonic() - self.began)

    @property
    def content(self) -> bytes:
        """Return what the body says: a form without its boundary, which clients make anew for each try."""
        received = self.headers.get("content-type", "")
        boundary = _BOUNDARY.search(received) if received.lower().startswith("multipart/") else None
        return self.body.replace(boundary[1].encode("utf-8", "surrogatepass"), b"") if boundary else self.body

    def uuid(self, name: str, what: str) -> str:
        """Return a path parameter that must be a UUID, lower-case; raises NotFound(what) for anything else."""
        text = self.parameters.get(name, "").lower()
        if not _UUID.fullmatch(text):
            raise NotFound(what=what)
        return text


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered. body: JSON, or None for no body; raw: the body's text instead, as it is to be sent."""

    status: int
    body: Any | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None

    @property
    def text(self) -> str:
        """Return the body: JSON compact and in UTF-8, which has no form for half of a pair."""
        if self.raw is not None:
            return self.raw
        text = "" if self.body is None else json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()

    def to_event(self) -> dict[str, Any]:
        """Return the form that API Gateway takes."""
        headers = {"Content-Type": "application/json", **self.headers}
        return {"statusCode": self.status, "headers": headers, "body": self.text, "isBase64Encoded": False}


def json_body(request: Request) -> bytes:
    """Return the raw JSON body. Raises UnsupportedMediaType for another Content-Type and MalformedBody for none."""
    received = request.headers.get("content-type", "")
    media_type = received.partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(expected="application/json", received=_printable(media_type))
    if not request.body.strip():
        raise MalformedBody(detail="it is empty")
    return request.body


def _waited(context: Mapping[str, Any]) -> float:
    """Return the seconds since API Gateway took a request: a cold start is part of the time that it waits.

    What is more than a start can take is an event of another day, or a clock that is wrong.
    """
    received = context.get("requestTimeEpoch")
    waited = time.time() - received / 1000 if isinstance(received, int) else 0.0
    return waited if 0 < waited < LONGEST_START else 0.0


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    # The event is JSON itself, so its text may hold what UTF-8 cannot; the schemas refuse it where it stands.
    return str(body).encode("utf-8", "surrogatepass")


def _base_url(event: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return the URL that the client must have used, up to the documented path.

    requestContext.path is the client's whole path: it begins with the stage on execute-api hosts and with the base
    path, if any, on custom domains. Emulators know no domain name and serve each API below a path of its own.
    """
    context = event.get("requestContext") or {}
    domain = context.get("domainName")
    host = headers.get("host") or domain or ""
    if not _HOST.fullmatch(host):
        host = domain or "localhost"
    scheme = headers.get("x-forwarded-proto") or ("https" if domain else "http")
    prefix, _ = _from_literal(str(context.get("path") or event["path"]), str(event["resource"]))
    if not domain and ".execute-api." not in host and context.get("apiId") and prefix:
        prefix = f"/_aws/execute-api/{context['apiId']}{prefix}"
    return f"{'http' if scheme == 'http' else 'https'}://{host}{prefix}"


def _from_literal(path: str, resource: str) -> tuple[str, str]:
    """Return what stands before the documented path, and the documented path."""
    start = max(0, path.find(resource.partition("{")[0]))
    return path[:start], path[start:]


def _printable(text: str) -> str:
    return text[:80].encode("ascii", "replace").decode()
