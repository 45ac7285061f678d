"""The printer against ECMA-262's own words, and against a JavaScript engine where there is one."""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
from typing import Any

import pytest

from batchwork.domain.stringify import stringify


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (12345678901234567890, "12345678901234567890"),
        (1.0, "1"),
        (-1.0, "-1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (100.25, "100.25"),
        (1e16, "10000000000000000"),
        (1.5e16, "15000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (1.25e-6, "0.00000125"),
        (1e-7, "1e-7"),
        (-1.5e-7, "-1.5e-7"),
        (5e-324, "5e-324"),
        (float("nan"), "null"),
        (float("inf"), "null"),
        ("Grüße ✓ 😀", '"Grüße ✓ 😀"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\b\f\n\r\t", '"\\b\\f\\n\\r\\t"'),
        ("\x00\x1f\x7f", '"\\u0000\\u001f\x7f"'),
        ("\u2028\u2029", '"\u2028\u2029"'),
        ("\ud800x\udfff", '"\\ud800x\\udfff"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, [2.0, {}], "x"], '[1,[2,{}],"x"]'),
        ({"b": 1, "a": {"ü": None}}, '{"b":1,"a":{"ü":null}}'),
        ({"x": 1, "10": 2, "9": 3, "01": 4, "-1": 5}, '{"9":3,"10":2,"x":1,"01":4,"-1":5}'),
        ({"4294967295": 1, "4294967294": 2}, '{"4294967294":2,"4294967295":1}'),
        ({"z": 1, "4294967295": 2}, '{"z":1,"4294967295":2}'),
    ],
)
def test_a_value_is_printed_as_javascript_prints_it(value: Any, text: str) -> None:
    assert stringify(value) == text


def test_a_value_may_be_nested_deeper_than_calls_can_be() -> None:
    deep: Any = 1.0
    for _ in range(5000):
        deep = {"a": [deep]}
    assert stringify(deep) == '{"a":[' * 5000 + "1" + "]}" * 5000


def test_what_is_no_json_is_not_printed() -> None:
    with pytest.raises(TypeError, match="set"):
        stringify({"a": {1}})


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_receiver_that_parses_and_prints_again_gets_the_same_bytes() -> None:
    chance = random.Random(5)

    def number() -> float:
        (made,) = struct.unpack("d", chance.randbytes(8))
        return float(made) if made == made and abs(made) != float("inf") else 0.5  # noqa: PLR0124 -- NaN

    def text() -> str:
        pieces = ("a", "ü", "😀", '"', "\\", "\n", "\x01", "\x7f", "\u2028", "\ud800", "7", "12", "0")
        return "".join(chance.choice(pieces) for _ in range(chance.randrange(4)))

    def value(depth: int) -> Any:
        kinds = [number, lambda: chance.uniform(-1e3, 1e3), lambda: chance.randrange(-(2**53), 2**53), text]
        kinds += [
            lambda: chance.choice([None, True, False]),
            lambda: round(number(), 2),
            lambda: float(chance.randrange(99)),
        ]
        if depth:
            kinds += [
                lambda: [value(depth - 1) for _ in range(chance.randrange(4))],
                lambda: {text(): value(depth - 1) for _ in range(chance.randrange(5))},
            ] * 2
        return chance.choice(kinds)()

    texts = [stringify(value(5)) for _ in range(3000)]
    program = """
        const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
        const wrong = texts.filter(text => JSON.stringify(JSON.parse(text)) !== text);
        process.stdout.write(JSON.stringify(wrong));
    """
    done = subprocess.run(["node", "-e", program], input=json.dumps(texts), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
