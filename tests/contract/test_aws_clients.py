"""What AWS clients make of DynamoDB's values: the same as botocore's own parser."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.parsers import ResponseParserFactory

from batchwork.adapters import aws

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
VALUES: dict[str, Any] = {
    "text": {"S": "ü"},
    "number": {"N": "7"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "bytes": {"B": b"\x00\xff"},
    "many_bytes": {"BS": [b"\x00", b"\xff"]},
    "list": {"L": [{"S": "a"}, {"B": b"\x01"}, {"M": {"b": {"B": b"\x02"}}}]},
    "map": {"M": {"list": {"L": [{"NULL": True}]}, "bytes": {"B": b"\x03"}, "B": {"N": "1"}}},
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_value_comes_back_as_it_was_written(table: str, name: str) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=table, Item={**KEY, name: VALUES[name]})
    assert dynamodb.get_item(TableName=table, Key=KEY)["Item"] == {**KEY, name: VALUES[name]}
    answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": [KEY]}})
    assert answer["Responses"] == {table: [{**KEY, name: VALUES[name]}]}


def test_a_whole_answer_reads_as_botocore_reads_it(table: str) -> None:
    ours = aws.client("dynamodb")
    ours.put_item(TableName=table, Item={**KEY, **VALUES})
    session = aws._session()
    session.register_component("response_parser_factory", ResponseParserFactory())
    theirs = aws.client("dynamodb")
    assert (
        ours.query(TableName=table, KeyConditionExpression="pk = :a", ExpressionAttributeValues={":a": {"S": "a"}})[
            "Items"
        ]
        == theirs.query(
            TableName=table, KeyConditionExpression="pk = :a", ExpressionAttributeValues={":a": {"S": "a"}}
        )["Items"]
    )
