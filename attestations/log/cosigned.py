"""Cosigned heads that witnesses left beside a log, and the best of them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from attestations.errors import AttestationError, Unreadable
from attestations.log.checkpoint import Checkpoint, open_checkpoint
from attestations.log.note import MAX_NOTE, Note, Signed, VerifierKey
from attestations.log.tiles import Tiles
from attestations.log.witness import COSIGNED, Cosigned
from attestations.storage import read_limited, write_atomically

_MOST = 10_000  # files that are looked at


def leave(folder: Path, made: Cosigned, key: VerifierKey) -> Path:
    """Leave a cosigned head beside the log, where its operator finds it. Raises Unreadable."""
    into = folder / COSIGNED
    try:
        into.mkdir(mode=0o755, exist_ok=True)
        # The folder is the operator's: a link in its place would lead the write elsewhere.
        if not stat.S_ISDIR(into.lstat().st_mode):
            raise Unreadable("the folder for cosigned heads is a link, or no folder")
    except OSError as error:
        raise Unreadable(f"a cosigned head cannot be left: {error.strerror}") from None
    path = into / f"{made.head.size}-{key.id.hex()}"
    write_atomically(path, made.note.to_bytes())
    return path


def collect(
    folder: Path, log: VerifierKey, witnesses: Sequence[VerifierKey], size: int
) -> list[tuple[Note, Checkpoint]]:
    """Return the heads that known witnesses signed, one note a size, the newest first.

    `size` is the log's own. What is no head of this log, does not hold, or has another history
    is left out: the folder may be written by others. Lines of unknown keys are left out, too.
    """
    heads: dict[Checkpoint, Note] = {}
    known = {(key.name, key.id) for key in (log, *witnesses)}
    for note, head, signed in _read(folder, log, witnesses):
        if not signed or not 0 < head.size <= size:
            continue
        try:
            if head not in heads and Tiles(folder, head.size).root() != head.root:
                continue
        except AttestationError:
            continue
        lines = [line for line in note.signatures if (line.name, line.id) in known]
        heads[head] = heads.get(head, Note(note.text, ())).with_signatures(lines)
    return [(heads[head], head) for head in sorted(heads, key=lambda h: -h.size)]


def signed_heads(folder: Path, log: VerifierKey) -> list[Checkpoint]:
    """Return every head that lies there with the log's signature, whatever its history."""
    return [head for _, head, _ in _read(folder, log, ())]


def _read(
    folder: Path, log: VerifierKey, witnesses: Sequence[VerifierKey]
) -> Iterator[tuple[Note, Checkpoint, tuple[Signed, ...]]]:
    try:
        found = sorted((folder / COSIGNED).iterdir())[:_MOST]
    except OSError:
        return
    for path in found:
        try:
            note = Note.from_bytes(read_limited(path, MAX_NOTE, "a cosigned head"))
            head, signed = open_checkpoint(note, [log], witnesses)
        except AttestationError:
            continue  # whatever somebody has laid there
        if head.origin == log.name:
            yield note, head, signed


def best(
    folder: Path,
    log: VerifierKey,
    witnesses: Sequence[VerifierKey],
    newest: tuple[Note, Checkpoint],
    least: int,
) -> tuple[Note, Checkpoint]:
    """Return the head with the most witnesses that has `least` entries; the newest of equals."""

    def count(pair: tuple[Note, Checkpoint]) -> int:
        return len(pair[0].verify(witnesses))

    _, head = newest
    heads = [newest, *collect(folder, log, witnesses, head.size)]
    return max((pair for pair in heads if pair[1].size >= least), key=count)
