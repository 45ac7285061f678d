"""Upstream: each item is posted to a URL, which answers with JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import ClassVar

from batchwork.domain.errors import EgressRefused, ProviderFailed
from batchwork.domain.lookup import Found, LookupItem
from batchwork.ports import Answer, Egress, SecretStore

#: Bytes of an answer.
MAX_ANSWER = 1_048_576
#: Refusals that are not about the item: of our credentials, or for a while.
_NOT_THE_ITEM = frozenset({401, 403, 407, 408, 425, 429})

_NOT_FOUND = Found(404, code="not_found", message="Nothing was found for this item.")
_LATE = Found(504, code="timeout", message="The lookup did not finish in time.")


@dataclass(frozen=True, slots=True)
class UpstreamLookup:
    """Posts items to a URL. secret_ref: of a bearer token, or None.

    The Idempotency-Key of a post is the same in every try of an item.
    """

    egress: Egress
    secrets: SecretStore
    url: str
    secret_ref: str | None = None

    separable: ClassVar[bool] = True

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        """Return each item alone."""
        return [[item] for item in items]

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        """Return what the URL answered to each item."""
        return {item.index: self._post(item, timeout, f"{token}:{item.index}") for item in group}

    def _post(self, item: LookupItem, timeout: timedelta, token: str) -> Found:
        body = json.dumps(item.body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            return _found(self.egress.post(self.url, body, self._headers(token), timeout, MAX_ANSWER + 1))
        except ProviderFailed:  # its text speaks of agents
            return _failed("The credentials for the upstream could not be read.")
        except EgressRefused:  # its text names the address, which is the operator's to know
            return _failed("The upstream's address is not allowed.")
        except TimeoutError:
            return _LATE
        except OSError:
            return _failed("The upstream could not be reached.")

    def _headers(self, token: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": token}
        if self.secret_ref is not None:
            headers["Authorization"] = f"Bearer {self.secrets.get(self.secret_ref).strip()}"
        return headers


def _found(answer: Answer) -> Found:
    """Return what an answer means for its item."""
    if 200 <= answer.status < 300:
        return _read(answer)
    if answer.status == HTTPStatus.NOT_FOUND:
        return _NOT_FOUND
    if 400 <= answer.status < 500 and answer.status not in _NOT_THE_ITEM:
        told = f"The upstream refused the item with HTTP {answer.status}."
        return Found(answer.status, code="upstream_refused", message=told)
    return _failed(f"The upstream answered HTTP {answer.status}.")


def _read(answer: Answer) -> Found:
    if answer.status == HTTPStatus.NO_CONTENT:
        return Found(200, None)
    if len(answer.body) > MAX_ANSWER:
        return _failed(f"The upstream's answer is larger than {MAX_ANSWER} bytes.")
    try:
        return Found(200, json.loads(answer.body))
    except (ValueError, RecursionError):
        return _failed("The upstream did not answer with JSON.")


def _failed(reason: str) -> Found:
    return Found(502, code="upstream_failed", message=reason)
