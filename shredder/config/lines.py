"""On which line of a TOML text a key stands: tomllib does not tell, and errors must."""

from __future__ import annotations

import re
import tomllib

_HEADER = re.compile(r"^\s*\[\[?(?P<path>[^\[\]#]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*(?P<path>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def _parts(dotted: str) -> tuple[str, ...]:
    """Split a dotted key with TOML's own rules for quoting."""
    try:
        value: object = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        parts.append(name)
    return tuple(parts)


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line (from 1) of the key at `path`, or of the nearest table or key that holds it.

    Reads line by line, so a look-alike inside a multi-line string can mislead it: the number
    serves a message, never a decision.
    """
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header["path"])
            here = table
        elif key := _KEY.match(line):
            here = table + _parts(key["path"])
        else:
            continue
        depth = len(here)
        if depth > best_depth and path[:depth] == here:
            best, best_depth = number, depth
    return best
