"""Looking a whole log through: every entry, every tile, and every head that somebody remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attestations.commitment import leaf_hash
from attestations.errors import Code, LogRefused, Malformed
from attestations.log.checkpoint import Checkpoint
from attestations.log.note import VerifierKey
from attestations.log.store import INTENT, read_head
from attestations.log.tiles import ENTRIES, WIDTH, Tiles, bundle, parse_name, tile_root
from attestations.storage import read_limited

_MAX_FILE = WIDTH * 65537  # bytes; a bundle of the longest entries


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a log: a code and a line for people."""

    code: Code
    message: str


def inspect(
    folder: Path, keys: Sequence[VerifierKey], remembered: Iterable[Checkpoint] = ()
) -> tuple[Checkpoint | None, tuple[Fault, ...]]:
    """Look a log through; returns its head, if it has a good one, and every fault.

    `remembered` are heads that were seen earlier: each must be a head of what is there now.
    Raises Unreadable if the head or a file is there and cannot be read, or there is no head.
    """
    try:
        _, head = read_head(folder, keys)
    except LogRefused as refused:
        return None, (Fault(refused.verdict, refused.message),)
    try:
        entries = list(Tiles(folder, head.size).entries())
    except LogRefused as refused:
        return head, (Fault(refused.verdict, refused.message),)
    levels = _levels(entries)
    faults = []
    if tile_root(levels[0]) != head.root:
        message = "the entries do not lead to the signed head: one was edited"
        faults.append(Fault(Code.E_LOG_INCLUSION, message))
    faults += _compare_files(folder, entries, levels)
    faults += _compare_heads(head, levels[0], remembered)
    return head, tuple(dict.fromkeys(faults))


def _levels(entries: Sequence[bytes]) -> list[list[bytes]]:
    """Compute the hashes of every level of tiles from the entries alone."""
    levels = [[leaf_hash(entry) for entry in entries]]
    while len(levels[-1]) >= WIDTH:
        below = levels[-1]
        full = range(0, len(below) - len(below) % WIDTH, WIDTH)
        levels.append([tile_root(below[n : n + WIDTH]) for n in full])
    return levels


def _compare_files(
    folder: Path, entries: list[bytes], levels: list[list[bytes]]
) -> Iterator[Fault]:
    """Compare every file below ``tile/`` with what the entries give; none may be missing."""
    values = {ENTRIES: entries} | {str(level): hashes for level, hashes in enumerate(levels)}
    seen = dict.fromkeys(values, 0)
    unfinished = (folder / INTENT).exists()
    for path in sorted((folder / "tile").rglob("*")):
        if path.name.startswith(".") or (path.is_dir() and not path.is_symlink()):
            continue  # a temporary file of a write that was killed
        name = path.relative_to(folder / "tile").as_posix()
        tile = parse_name(name)
        if tile is None:
            yield Fault(Code.E_LOG_INCLUSION, "there is a file that is no tile")
            continue
        level, number, width = tile
        first, end = number * WIDTH, number * WIDTH + width
        here = values.get(level, [])
        if end > len(here):
            if not unfinished:  # else the next append writes it anew
                yield Fault(Code.E_FORK, "there are entries beyond the head: it was put back")
            continue
        seen[level] = max(seen[level], end)
        part = here[first:end]
        if _content(path) != (bundle(part) if level == ENTRIES else b"".join(part)):
            yield Fault(Code.E_LOG_INCLUSION, f"tile {name} is not what the entries give")
    for level, hashes in values.items():
        if seen[level] < len(hashes):
            yield Fault(Code.E_LOG_INCLUSION, f"the last tile of level {level} is missing")


def _content(path: Path) -> bytes | None:
    try:
        return read_limited(path, _MAX_FILE, "a tile of the log")
    except Malformed:
        return None


def _compare_heads(
    head: Checkpoint, leaves: list[bytes], remembered: Iterable[Checkpoint]
) -> Iterator[Fault]:
    for each in remembered:
        if each.origin != head.origin:
            continue  # another log's
        if each.size > head.size:
            yield Fault(
                Code.E_FORK,
                f"a head of {each.size} entries was shown, and there are {head.size}: rolled back",
            )
        elif tile_root(leaves[: each.size]) != each.root:
            yield Fault(
                Code.E_FORK, f"a head of {each.size} entries was shown with another history: a fork"
            )
