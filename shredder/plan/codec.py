"""The plan file: JSON Lines, the header first, then a line for each holding.

The bytes of the file are what is digested and approved, so nothing is ever re-encoded: a line
is read back with every key known and of its type, or the file is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from backends.contract import Holding, Technique, Verdict
from shredder.errors import Refused
from shredder.plan.model import Decision, Header, Item, Mixed, Options
from shredder.sweep import ScopeCoverage

FORMAT = "shredder-plan/1"

T = TypeVar("T")


def dump_line(value: Mapping[str, object]) -> bytes:
    """One JSON object on one line, ASCII only, keys in order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def dump_header(header: Header) -> bytes:
    """The first line."""
    return dump_line(
        {
            "format": FORMAT,
            **dataclasses.asdict(header),
            "options": dump_options(header.options),
        }
    )


def dump_options(options: Options) -> dict[str, Any]:
    """Options as JSON values."""
    return {
        "include": sorted(options.include),
        "dismiss": sorted(options.dismiss),
        "mixed": options.mixed,
        "despite_gaps": options.despite_gaps,
    }


def load_options(fields: Mapping[str, Any]) -> Options:
    """Options from JSON values. Raises Refused."""
    try:
        return Options(
            include=frozenset(Verdict(v) for v in fields["include"]),
            dismiss=frozenset(Verdict(v) for v in fields["dismiss"]),
            mixed=Mixed(fields["mixed"]),
            despite_gaps=bool(fields["despite_gaps"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _damaged() from None


def dump_item(item: Item) -> bytes:
    """The line of one holding."""
    return dump_line(dataclasses.asdict(item))


def parse_header(line: bytes) -> Header:
    """Read the first line back. Raises Refused."""
    fields = _object(line)
    if fields.pop("format", None) != FORMAT:
        raise _damaged()
    return _exact(
        Header,
        fields
        | {
            "options": load_options(fields["options"]),
            "coverage": tuple(_coverage(entry) for entry in fields["coverage"]),
            "blind_spots": {k: tuple(v) for k, v in fields["blind_spots"].items()},
        },
    )


def parse_item(line: bytes) -> Item:
    """Read a holding's line back. Raises Refused."""
    fields = _object(line)
    holding = dict(fields["holding"])
    technique = fields["technique"]
    return _exact(
        Item,
        fields
        | {
            "decision": Decision(fields["decision"]),
            "technique": None if technique is None else Technique(technique),
            "holding": _exact(
                Holding,
                holding
                | {
                    "verdict": Verdict(holding["verdict"]),
                    "whole": _technique(holding["whole"]),
                    "partial": _technique(holding["partial"]),
                    "limitations": tuple(holding["limitations"]),
                },
            ),
        },
    )


def _technique(value: str | None) -> Technique | None:
    return None if value is None else Technique(value)


def _coverage(fields: dict[str, Any]) -> ScopeCoverage:
    return _exact(ScopeCoverage, fields | {"reasons": tuple((c, n) for c, n in fields["reasons"])})


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        raise _damaged() from None
    if not isinstance(value, dict):
        raise _damaged()
    return value


def _exact(kind: type[T], fields: dict[str, Any]) -> T:
    """Build a dataclass from exactly its fields."""
    try:
        return kind(**fields)
    except (TypeError, KeyError, ValueError):
        raise _damaged() from None


def _damaged() -> Refused:
    return Refused("the plan file is damaged", hint="make the plan again with `shredder plan`")
