"""The lookups family in the demo: a product list that an operator loads, and customers who look products up."""

from __future__ import annotations

import io
import json
import os
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from batchwork_admin.__main__ import main as batchwork_admin
from local import stack
from local.demo_checks import DemoFailed, must

PRODUCTS = Path(__file__).parent / "datasets/products.csv"
KNOWN = ("LAMP-001", "CHAIR-002", "DESK-001", "SHELF-002", "MUG-001")
UNKNOWN = "SOFA-001"


@dataclass(frozen=True, slots=True)
class Client:
    """What the documentation's curl examples do."""

    base_url: str
    key: str

    def batch(self, endpoint: str, items: list[Any], idempotency_key: str | None, expect: int) -> requests.Response:
        """Look items up. Raises DemoFailed for another status than expected."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        answer = self._call("POST", f"/{endpoint}/batch", json={"requests": items}, headers=headers)
        must(
            answer.status_code == expect, f"{endpoint} answered {answer.status_code}, not {expect}: {answer.text[:300]}"
        )
        return answer

    def used(self) -> int:
        """Return the month's units."""
        answer = self._call("GET", "/me")
        must(answer.status_code == 200, f"/me answered {answer.status_code}: {answer.text[:300]}")
        return int(answer.json()["data"]["usage"]["month"]["used"])

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **settings: Any
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return requests.request(method, f"{self.base_url}/api/v1{path}", headers=sent, timeout=30, **settings)


def lookups(running: dict[str, Any]) -> None:
    """Show it against a stack (what stack.json holds)."""
    stack.point_at(running["aws"]["endpoint_url"])
    print("\n4. Lookups: a product list loaded by the operator, 207 for what is not in it")
    operator = Operator(running["outputs"]["TableName"], running["outputs"]["BucketName"])
    workspace = operator.makes("workspace", "create", "Demo shop", "--plan", "starter")["workspace"]
    client = Client(running["base_url"], operator.makes("key", "create", workspace)["api_key"])
    operator.says("dataset", "load", workspace, "products", os.path.relpath(PRODUCTS), "--key", "sku")
    operator.says("lookup", "set", workspace, "enrichment", "--dataset", "products")
    key = str(uuid.uuid4())
    first = _products(client, key)
    _again(client, key, first)
    _too_many(client)
    _documented(Client(running["base_url"], running["api_keys"]["pro"]))


@dataclass(frozen=True, slots=True)
class Operator:
    """Who types batchwork-admin."""

    table: str
    bucket: str

    def makes(self, *words: str) -> dict[str, Any]:
        """Run a command and return its JSON."""
        made: dict[str, Any] = json.loads(self._run(*words, "--json"))
        return made

    def says(self, *words: str) -> None:
        """Run a command as people do, and show it."""
        print(f"   $ batchwork-admin {' '.join(words)}", flush=True)
        for line in self._run(*words).splitlines():
            print(f"     {line}")

    def _run(self, *words: str) -> str:
        with redirect_stdout(io.StringIO()) as told:
            code = batchwork_admin([*words, "--table", self.table, "--bucket", self.bucket])
        if code != 0:
            raise DemoFailed(f"batchwork-admin {words[0]} {words[1]} ended with {code}")
        return told.getvalue()


def _products(client: Client, key: str) -> requests.Response:
    answer = client.batch("enrichment", [{"sku": sku} for sku in (*KNOWN, UNKNOWN)], key, expect=207)
    told = answer.json()
    print(f"   207 Multi-Status: {json.dumps(told['meta']['batch'])}")
    print(f"   {KNOWN[0]}: {json.dumps(told['data'][0]['data'], ensure_ascii=False)}")
    print(f"   {UNKNOWN}: {json.dumps(told['data'][-1])}")
    print(
        "   "
        + ", ".join(f"{name}: {answer.headers[name]}" for name in answer.headers if name.startswith("X-RateLimit"))
    )
    print(f"   RateLimit: {answer.headers['RateLimit']}")
    must(told["meta"]["batch"] == {"total": 6, "succeeded": 5, "failed": 1}, "the counts are wrong")
    must([each["status"] for each in told["data"]] == [200] * 5 + [404], "the order or a status is wrong")
    must([each["data"]["sku"] for each in told["data"][:5]] == list(KNOWN), "the products are wrong")
    return answer


def _again(client: Client, key: str, first: requests.Response) -> None:
    used = client.used()
    again = client.batch("enrichment", [{"sku": sku} for sku in (*KNOWN, UNKNOWN)], key, expect=207)
    must(again.headers.get("Idempotency-Replayed") == "true", "the same key was not replayed")
    must(again.content == first.content, "the replay differs")
    must(used == client.used() == 6, f"{used} units were charged before and {client.used()} after the replay, not 6")
    print(f"   the same Idempotency-Key again: Idempotency-Replayed: true, byte for byte; still {used} units in /me")


def _too_many(client: Client) -> None:
    answer = client.batch("enrichment", [{"sku": KNOWN[0]}] * 51, None, expect=422)
    error = answer.json()["error"]
    print(f"   51 items: 422 {error['code']}, {json.dumps(error['details'])}")
    must(error["code"] == "batch_too_large", "51 items were refused for something else")
    must(error["details"] == {"max_items": 50, "received": 51}, "the details are wrong")
    must(client.used() == 6, "a refused batch was charged")


def _documented(client: Client) -> None:
    """Send the documentation's own request, which the stub answers."""
    answer = client.batch("signals", [{"id": 1}, {"id": 2}], None, expect=200).json()
    echoes = [{"status": 200, "data": {"echo": {"id": number}, "note": "stub"}} for number in (1, 2)]
    must(answer["data"] == echoes, "the documentation's example is answered otherwise")
    print(f"   the documentation's signals batch: 200, {json.dumps(answer['data'][0])}, ...")
