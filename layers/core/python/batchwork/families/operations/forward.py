"""Calls that an API of the workspace's own serves: sent on as they came, answered as it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from batchwork.domain.address import MAX_URL
from batchwork.domain.errors import (
    BodyTooLarge,
    EgressRefused,
    InvalidRequest,
    Problem,
    ProviderFailed,
    RouteNotFound,
    UpstreamFailed,
    UpstreamTimedOut,
)
from batchwork.domain.operation import MAX_BODY
from batchwork.domain.paths import path_fault
from batchwork.domain.patience import check_waited_for
from batchwork.domain.target import Target
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.edge.limits import retry_after
from batchwork.ports import Answer, Egress, SecretStore

#: Bytes of an upstream's answer.
MAX_ANSWER = 1024 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_CONTENT_TYPE = re.compile(r"[\x20-\x7e]{1,255}")
#: Headers of the caller that say who calls, that hold for one connection only, or that make another call of this one.
_LEFT_OUT = frozenset(
    {
        *("authorization", "x-api-key", "cookie", "forwarded", "via", "x-real-ip", "true-client-ip"),
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"),
        *("expect", "accept-encoding"),
        *("x-http-method", "x-http-method-override", "x-method-override"),
        *("idempotency-key", "x-request-id"),  # told anew
    }
)
_LEFT_OUT_KINDS = ("x-forwarded-", "x-amz", "x-apigw", "x-batchwork-", "cloudfront-", "cdn-", "proxy-")


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Sends calls to targets. timeout: of one call, answer included."""

    egress: Egress
    secrets: SecretStore
    timeout: timedelta

    def __call__(self, prefix: str, target: Target, request: Request, caller: Caller) -> Response | Act:
        """Return the upstream's answer to a call that looks, and an act for any other.

        A dry run of the act calls nobody: only the upstream knows what it would refuse. Its Idempotency-Key is the
        client's own or else the ticket's id, the same in each try. Raises RouteNotFound for a path that could be read in
        two ways, BodyTooLarge and InvalidRequest before anything is sent; UpstreamFailed and UpstreamTimedOut.
        """
        url = _url(prefix, target, request)
        if len(request.body) > MAX_BODY:
            raise BodyTooLarge(received=len(request.body), limit=MAX_BODY)
        headers = _headers(request, caller)
        if request.method == "GET":
            return self._send(target, request, url, headers)
        own = request.headers.get("idempotency-key")
        return Intent(
            check=lambda _again: None,
            act=lambda _checked, errand: self._send(
                target, request, url, headers | {"Idempotency-Key": own or errand.ticket.id}
            ),
        )

    def _send(self, target: Target, request: Request, url: str, headers: dict[str, str]) -> Response:
        body = b"" if request.method == "GET" else request.body
        try:
            if target.secret_ref is not None:
                headers = headers | {"Authorization": f"Bearer {self.secrets.get(target.secret_ref).strip()}"}
            left = min(self.timeout, request.time_left - request.elapsed)
            if left <= timedelta():
                raise UpstreamTimedOut
            check_waited_for()
            answer = self.egress.send(request.method, url, body, headers, left, MAX_ANSWER)
        except ProviderFailed as exc:  # its text speaks of agents
            raise UpstreamFailed(reason="The credentials for the upstream could not be read.") from exc
        except EgressRefused as exc:  # its text names the address, which is the operator's to know
            raise UpstreamFailed(reason="The upstream's address is not allowed.") from exc
        except TimeoutError as exc:
            raise UpstreamTimedOut from exc
        except OSError as exc:
            raise UpstreamFailed(reason=_unanswered(exc)) from exc
        return _response(answer)


def _unanswered(exc: OSError) -> str:
    """Return why there is no answer: whoever was connected may have done what it was asked for."""
    if isinstance(exc, ConnectionError) and not isinstance(exc, ConnectionRefusedError):
        return "The upstream gave no valid answer; the call may have taken effect."
    return "The upstream could not be reached."


def _url(prefix: str, target: Target, request: Request) -> str:
    # With `..` or an escaped slash it would leave what the prefix stands for, and take the target's credentials along.
    if path_fault(request.path) is not None:
        raise RouteNotFound(method=request.method, path=request.path[:200])
    rest = request.path.removeprefix(prefix)
    query = urlencode(request.pairs or request.query, quote_via=quote, encoding="utf-8", errors="replace")
    url = f"{target.url}{rest}{'?' if query else ''}{query}"
    if len(url) > MAX_URL:
        told = f"With its query, it is longer than the {MAX_URL} characters that can be sent on"
        raise InvalidRequest([Problem("path", told, "too_long", structural=False)])
    return url


def _headers(request: Request, caller: Caller) -> dict[str, str]:
    """Return what the upstream is told: the caller's own headers but for those left out, and whose call it is.

    Raises InvalidRequest for what is no header.
    """
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            place = f"headers.{name}" if _NAME.fullmatch(name) else "headers"
            raise InvalidRequest([Problem(place, "It is no valid HTTP header", "header", structural=False)])
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_KINDS):
            headers[name] = value
    kind = headers.pop("content-type", "application/json")
    if request.body and request.method != "GET":
        headers["Content-Type"] = kind
    return headers | {"X-Request-Id": request.request_id, "X-Batchwork-Workspace": caller.workspace.id}


def _response(answer: Answer) -> Response:
    """Return an upstream's answer as it is passed on: status, text, its type and Retry-After."""
    if answer.cut:
        raise UpstreamFailed(
            reason=f"The upstream answered HTTP {answer.status}, and its body is longer than {MAX_ANSWER} bytes"
            " or ended too early."
        )
    if not 200 <= answer.status <= 599:
        raise UpstreamFailed(reason=f"The upstream answered HTTP {answer.status}, which cannot be passed on.")
    try:
        text = answer.body.decode()
    except UnicodeDecodeError as exc:
        raise UpstreamFailed(
            reason=f"The upstream answered HTTP {answer.status}, and its body is no text in UTF-8."
        ) from exc
    headers = {} if answer.retry_after is None else {"Retry-After": retry_after(answer.retry_after)}
    if text:
        headers["Content-Type"] = _content_type(answer.content_type, text)
    return Response(answer.status, headers=headers, raw=text)


def _content_type(told: str, text: str) -> str:
    if _CONTENT_TYPE.fullmatch(told):
        return told
    return "application/json" if text.lstrip()[:1] in {"{", "["} else "text/plain; charset=utf-8"
