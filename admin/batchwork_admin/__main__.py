"""``batchwork-admin``: what an operator does that no API does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from batchwork.domain.errors import BatchworkError, InvalidRequest
from batchwork.domain.item import Json
from batchwork_admin import agents, datasets, keys, lookups, target, targets, usage, workspaces
from batchwork_admin.target import NoTargetError

NOUNS = {
    "workspace": workspaces,
    "key": keys,
    "usage": usage,
    "agent": agents,
    "lookup": lookups,
    "dataset": datasets,
    "target": targets,
}


def parser() -> argparse.ArgumentParser:
    """Return the command line: NOUN VERB, then options."""
    root = argparse.ArgumentParser(prog="batchwork-admin", description="What an operator does with a deployment.")
    nouns = root.add_subparsers(metavar="NOUN", required=True)
    for name, module in NOUNS.items():
        noun = nouns.add_parser(name, help=(module.__doc__ or "").partition(": ")[2].partition(".")[0])
        verbs = noun.add_subparsers(metavar="VERB", required=True)
        module.add_commands(verbs)
        for verb in verbs.choices.values():
            target.add_options(verb)
            verb.add_argument("--json", action="store_true", help="print JSON")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 when the deployment refuses it, or 2 when it cannot be understood."""
    options = parser().parse_args(arguments)
    try:
        answer = options.run(target.find(options), options)
    except InvalidRequest as exc:
        return _complain(*(f"{problem.place}: {problem.message}" for problem in exc.problems))
    except (BatchworkError, BotoCoreError, ClientError, NoTargetError, OSError) as exc:
        return _complain(str(exc))
    if options.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print(answer)
    return 0


def _complain(*complaints: str) -> int:
    for complaint in complaints:
        print(f"batchwork-admin: {complaint}", file=sys.stderr)
    return 1


def _print(answer: Json | list[Json]) -> None:
    """Print one thing as its fields, many as a table."""
    if isinstance(answer, dict):
        width = max(map(len, answer))
        for name, value in answer.items():
            print(f"{name:<{width}}  {_text(value)}")
        if "api_key" in answer:
            print("Keep api_key now: it is not stored and cannot be shown again.")
        return
    if not answer:
        print("none")
        return
    rows = [list(answer[0]), *([_text(value) for value in entry.values()] for entry in answer)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value) or "-"
        case dict():
            return ", ".join(f"{name}={_text(entry)}" for name, entry in value.items()) or "-"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
