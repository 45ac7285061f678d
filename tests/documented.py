"""docs/openapi.yaml, as tests read it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from batchwork.domain.lookup import ENDPOINTS

DOCUMENT = Path(__file__).parents[1] / "docs/openapi.yaml"
LOOKUPS = {f"/api/v1/{endpoint}/batch" for endpoint in ENDPOINTS}
VERBS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found = document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (verb, path, operation), its parameters and responses resolved."""
    for path, verbs in document()["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                told = verbs[verb]
                yield (
                    verb,
                    path,
                    {
                        **told,
                        "parameters": [resolved(each) for each in told.get("parameters", [])],
                        "responses": {code: resolved(each) for code, each in told["responses"].items()},
                    },
                )


def is_lookups(path: str) -> bool:
    return path in LOOKUPS or path == "/api/v1/me"


def rules(schema: Any) -> OAS31Validator:
    """Return what tells whether a value fits a schema of the document."""
    whole = {"allOf": [schema], "components": document()["components"]}
    return OAS31Validator(whole, format_checker=oas31_format_checker)


def check(schema: str, value: Any) -> None:
    rules({"$ref": f"#/components/schemas/{schema}"}).validate(value)


def examples_in(node: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, schema, example) of every media type, parameter and header below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            if "example" in node:
                yield f"{place}/example", node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{place}/examples/{name}", node["schema"], example["value"]
        for name, below in node.items():
            yield from examples_in(below, f"{place}/{name}")
    elif isinstance(node, list):
        for index, below in enumerate(node):
            yield from examples_in(below, f"{place}/{index}")


def examples_of(response: dict[str, Any]) -> list[Any]:
    body = response["content"]["application/json"]
    return [body["example"]] if "example" in body else [each["value"] for each in body.get("examples", {}).values()]
