"""What options of several commands are read by."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def any_whole(text: str) -> int:
    """Read a whole number whose bounds are told together with everything else that is wrong."""
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def any_whole_or_none(text: str) -> int | None:
    """Read a whole number, or ``none``."""
    return None if text == "none" else any_whole(text)


def yes_or_no(text: str) -> bool:
    """Read ``yes`` or ``no``."""
    if text not in {"yes", "no"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes nor no")
    return text == "yes"


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """Add the workspace that a command is about."""
    parser.add_argument("workspace", metavar="WORKSPACE_ID")
