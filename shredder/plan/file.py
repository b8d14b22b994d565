"""Writing, digesting and reading plan files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from shredder import durable
from shredder.plan.codec import dump_header, dump_item, parse_header, parse_item
from shredder.plan.model import Decision, Header, Item


def write_plan(path: Path, header: Header, items: Iterable[Item]) -> str:
    """Write a plan durably (mode 0600: it holds locators); returns its digest."""
    digest = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        yield dump_header(header)
        for item in items:
            yield dump_item(item)

    def digested() -> Iterator[bytes]:
        for line in lines():
            digest.update(line)
            yield line

    durable.write(path, digested())
    return f"sha256:{digest.hexdigest()}"


def digest_of(path: Path) -> str:
    """The digest of a file's bytes: ``sha256:…``."""
    digest = hashlib.sha256()
    for block in durable.blocks(path):
        digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def read_header(path: Path) -> Header:
    """The header of a plan. Raises Refused if the file is damaged."""
    with path.open("rb") as file:
        return parse_header(file.readline())


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of the items, with their line ends, as they are committed to."""
    with path.open("rb") as file:
        file.readline()
        yield from file


def read_items(path: Path) -> Iterator[Item]:
    """The items, one at a time. Raises Refused if a line is damaged."""
    return map(parse_item, read_lines(path))


def to_destroy(path: Path) -> Iterator[Item]:
    """The items that are to be destroyed."""
    return (item for item in read_items(path) if item.decision is Decision.DESTROY)
