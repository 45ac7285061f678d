"""Workflows, versions and uploaded files on the shelf: each comes back whole. What all shelves share is tested with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import AT
from fakes.shelf import FakeShelf

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.shelf import Codec, DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec, WorkflowCodec, WorkflowVersionCodec
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.resource import Resource
from batchwork.domain.run import FileType
from batchwork.domain.workflow import DEFAULT_STEPS, Workflow, WorkflowVersion, version_id
from batchwork.ports.operations import Shelf

HEAD: Any = {"workspace_id": "acme", "created_at": AT, "updated_at": AT + timedelta(milliseconds=1)}
FLOW = Workflow(id="workflow_" + "a" * 23, name="Invoices", **HEAD)
VERSION = WorkflowVersion(id=version_id(FLOW.id, "1"), workflow_id=FLOW.id, version="1", steps=DEFAULT_STEPS, **HEAD)
FILE = FlowFile(id="file_" + "a" * 23, name="a.pdf", content_type="application/pdf", **HEAD)
DEEP = ({"name": "ä", "type": "EXTRACT", "config": {"schema": {"a": [1, 2.5, None, True, "\u2028"]}}},)


@pytest.mark.parametrize(
    ("codec", "resource"),
    [
        (WorkflowCodec(), FLOW),
        (WorkflowCodec(), replace(FLOW, steps=DEEP, deployed=12, deployed_at=AT, draft_at=AT, revision=7)),
        (WorkflowCodec(), replace(FLOW, steps=())),
        (WorkflowVersionCodec(), VERSION),
        (WorkflowVersionCodec(), replace(VERSION, steps=DEEP, version="draft", name="First", ticket="t")),
        (FlowFileCodec(), FILE),
        (FlowFileCodec(), replace(FILE, type=FileType.PDF, size=0, page_count=3, password="geheim")),
    ],
)
@pytest.mark.parametrize("kept", ["fake", "dynamodb"])
def test_a_resource_comes_back_as_it_was_added(
    request: pytest.FixtureRequest, kept: str, codec: Codec[Any], resource: Resource
) -> None:
    shelf: Shelf[Any] = FakeShelf()
    if kept == "dynamodb":
        shelf = DynamoShelf(request.getfixturevalue("table"), codec, aws.client("dynamodb"))
    assert shelf.add(resource)
    assert shelf.get("acme", resource.id) == resource
    assert shelf.page("acme", None, 10, lambda _: True).entries == [resource]


def test_the_kinds_are_partitions_of_their_own(table: str) -> None:
    flows = DynamoShelf(table, WorkflowCodec())
    versions, files = DynamoShelf(table, WorkflowVersionCodec()), DynamoShelf(table, FlowFileCodec())
    flows.add(FLOW, "workflow.created")
    versions.add(VERSION)
    files.add(FILE)
    partitions = {row["pk"]["S"] for row in aws.client("dynamodb").scan(TableName=table)["Items"]}
    assert partitions == {"FLOW#acme", "FLOWV#acme", "DOC#acme"}
    assert len(flows.page("acme", None, 10, lambda _: True).entries) == 1
