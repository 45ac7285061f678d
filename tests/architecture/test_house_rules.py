"""The habits of style.md that no linter knows. Each message says what to do instead."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "core" / "python" / "batchwork"
DEPLOYED = [*LAYER.rglob("*.py"), *(ROOT / "functions").glob("*/*.py")]
WRITTEN = [
    *DEPLOYED,
    *(path for folder in ("admin", "local", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")),
]
HERE = Path(__file__)


def hits(pattern: str, paths: list[Path], *, but: tuple[str, ...] = ()) -> list[str]:
    """Return where a pattern stands in code, comments and strings, outside of the files excepted."""
    found = []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if path == HERE or name.endswith(but):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize(
    ("pattern", "but", "instead"),
    [
        (
            r"datetime\.now\(|utcnow\(",
            ("adapters/clock.py",),
            "Take ports.Clock: the time comes from adapters/clock.py, so that tests can hold it still.",
        ),
        (
            r"os\.environ|os\.getenv|getenv\(",
            ("edge/settings.py",),
            "Read edge.settings in the handler and hand the value on: the environment is read in one place.",
        ),
        (
            r"^\s*(import|from) boto3\b|create_client\(|botocore\.session",
            ("adapters/aws.py",),
            "Call adapters.aws.client(name): one configuration for every client, and no boto3 at cold start.",
        ),
        (r"\bprint\(", (), "Log with edge.telemetry.logger: ids, counts, codes and durations as fields."),
        (
            r"^\s*(import|from) (requests|httpx|aiohttp|asyncio)\b",
            (),
            "Go out through ports.Egress (connects to the checked address only).",
        ),
        (
            r"\bIndexName\W+[\"'](listing|due)[\"']",
            (),
            "Name indexes by keys.LISTING and keys.DUE: keys.py knows every key and index.",
        ),
    ],
)
def test_the_world_is_touched_in_one_place(pattern: str, but: tuple[str, ...], instead: str) -> None:
    found = hits(pattern, DEPLOYED, but=but)
    assert not found, "\n".join([instead, *found])


def test_nothing_is_left_undone() -> None:
    found = hits(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError|@pytest\.mark\.skip\b", WRITTEN)
    assert not found, "\n".join(["Do it, or write an issue; unfinished code does not get in.", *found])


def test_an_ignored_rule_carries_its_reason() -> None:
    bare = r"#\s*noqa(?!: [A-Z0-9, ]+ -- \S)|#\s*type:\s*ignore(?!\[[\w, -]+\]\s+#\s*\S)|pragma: no cover"
    found = hits(bare, [path for path in WRITTEN if "tests" not in path.relative_to(ROOT).parts])
    wanted = "Write `# noqa: RULE -- reason` or `# type: ignore[rule] # reason`; nothing is excluded from coverage."
    assert not found, "\n".join([wanted, *found])


BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "misc"}
BANNED_NAMES = {"base", "data", "info"}


def named(path: Path) -> Iterator[str]:
    """Yield the names that a module gives: its own, its classes' and its functions'."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_say_what_a_thing_is(path: Path) -> None:
    for name in named(path):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name.replace("secrets_manager", ""))}
        assert not words & BANNED_WORDS, f"{name}: name it for the noun of the domain that it is (style.md)"
        assert name.lower() not in BANNED_NAMES, f"{name}: say whose and which (style.md)"
        assert not name.startswith("my_"), f"{name}: drop the my_ (style.md)"


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_logged_and_raised_again(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler) and len(node.body) > 1:
            logs = any(re.search(r"\blog(ger)?\.", ast.unparse(line)) for line in node.body)
            again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            assert not (logs and again), f"{path.name}:{node.lineno}: raise `from`, or handle it; not log and raise"


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_fits_on_a_few_screens(path: Path) -> None:
    limit = 100 if path.name == "handler.py" else 360
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= limit, f"{path.name} has {lines} lines, {limit} are the limit: cut it along the domain's nouns"


@pytest.mark.parametrize(
    "handler", sorted((ROOT / "functions").glob("*/handler.py")), ids=lambda path: path.parent.name
)
def test_a_function_is_one_file_that_uses_the_layer_only(handler: Path) -> None:
    others = [path.name for path in handler.parent.iterdir() if path.name not in {"handler.py", "__pycache__"}]
    assert not others, f"{others}: shared code lives in the layer; CodeUri drops the folder's parent"
    local = [
        node.module
        for node in ast.walk(ast.parse(handler.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.level or (node.module or "").partition(".")[0] in {"functions", "local", "admin", "tests"})
    ]
    assert not local, f"{local} are not there in Lambda"


def test_test_names_are_sentences() -> None:
    short = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert not short, "\n".join(["Say what holds: test_the_same_key_with_another_body_is_refused", *short])


def test_the_dependencies_layer_is_what_the_lock_file_says() -> None:
    locked = {
        package["name"]: package.get("version")
        for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    }
    exported = re.findall(
        r"^([a-z0-9-]+)==([^\s;\\]+)", (ROOT / "layers/dependencies/requirements.txt").read_text(), re.MULTILINE
    )
    assert {"pydantic", "aws-lambda-powertools"} <= {name for name, _ in exported}
    stale = [f"{name} {version}" for name, version in exported if locked[name] != version]
    assert not stale, f"{stale}: run `make layers/dependencies/requirements.txt`"


def test_there_are_at_most_twelve_make_targets_and_each_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split()
    told = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(told)
    assert len(phony) <= 12
