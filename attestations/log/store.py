"""The operator's own log on disk: append-only, and whole after a crash at any instruction.

A head is signed only over entries that are durable, and never two heads of one size: what is
about to be appended is written down first (the *intent*), and after a crash that same is
appended before anything else. Ed25519 is deterministic, so that the head is the same, too.

::

    intent durable -> tiles durable -> head signed, durable -> intent gone

The log finds a head that was rolled back beside its entries. That a whole folder was put back,
or that two logs are kept, shows to those who remember a head: witnesses, bundles, `inspect`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attestations.commitment import MerkleBuilder, inclusion_spans, leaf_hash
from attestations.errors import Code, LogRefused, Malformed, Unreadable
from attestations.log.checkpoint import EMPTY_ROOT, Checkpoint, open_checkpoint
from attestations.log.note import MAX_NOTE, Note, NoteSigner, VerifierKey
from attestations.log.proof import consistency_spans, verify_consistency, verify_inclusion
from attestations.log.tiles import ENTRIES, HEIGHT, WIDTH, Tiles, bundle, tile_name, tile_root
from attestations.log.tlogproof import LogProof
from attestations.storage import read_limited, sync_directory, write_atomically
from attestations.strict_json import Limits, dumps, loads

CHECKPOINT = "checkpoint"
INTENT = "intent.json"
ENTRY = 32  # bytes of an entry: SHA-256 of an envelope

_LIMITS = Limits(size=2**16, depth=3, items=600)
_MOST = 256  # entries of one call


def read_head(folder: Path, keys: Sequence[VerifierKey]) -> tuple[Note, Checkpoint]:
    """Read the head of a log that one of `keys` signed.

    Raises LogRefused: E_LOG_PARSE, E_LOG_SIG, and E_LOG_ORIGIN unless the origin is the name of
    the key. Raises Unreadable.
    """
    note = Note.from_bytes(_read(folder / CHECKPOINT, "the log's checkpoint"))
    head, _ = open_checkpoint(note, keys)
    if head.origin not in {key.name for key in keys}:
        raise LogRefused(Code.E_LOG_ORIGIN, "the log's head bears another origin than its key")
    return note, head


def check_extends(folder: Path, before: Checkpoint, head: Checkpoint) -> None:
    """Check by a consistency proof that `head`, of the log in `folder`, continues `before`.

    Raises LogRefused, E_FORK, if it does not, and what reading tiles raises.
    """
    if head.size < before.size:
        message = f"the log had {before.size} entries and has {head.size}: it was rolled back"
        raise LogRefused(Code.E_FORK, message)
    if before.size == 0:
        return  # every log continues the empty one
    tiles = Tiles(folder, head.size)
    path = [tiles.span(*span) for span in consistency_spans(before.size, head.size)]
    if not verify_consistency(before.size, head.size, before.root, head.root, path):
        message = f"the log's first {before.size} entries are not those that it had: a fork"
        raise LogRefused(Code.E_FORK, message)


def _read(path: Path, what: str) -> bytes:
    try:
        return read_limited(path, MAX_NOTE, what)
    except Malformed as error:
        raise LogRefused(Code.E_LOG_PARSE, error.message) from None


class LogStore:
    """A log in a folder. One process at a time appends; others wait."""

    def __init__(self, folder: Path, signer: NoteSigner) -> None:
        self.folder = folder
        self._signer = signer

    @property
    def key(self) -> VerifierKey:
        """What verifies its heads; the name of the key is the log's origin."""
        return self._signer.key

    def create(self) -> None:
        """Make an empty log; one that is there is kept. Raises LogRefused, Unreadable."""
        try:
            self.folder.mkdir(mode=0o755, exist_ok=True)
            sync_directory(self.folder.parent)
            with self._locked():
                if (self.folder / CHECKPOINT).exists():
                    return
                if (self.folder / "tile").exists():
                    raise LogRefused(Code.E_FORK, "the log has entries, and its head is gone")
                self._publish(Checkpoint(self.key.name, 0, EMPTY_ROOT))
        except OSError as error:
            raise Unreadable(f"the log cannot be made: {error.strerror}") from None

    def head(self) -> tuple[Note, Checkpoint]:
        """The newest head. Raises LogRefused, Unreadable."""
        return read_head(self.folder, [self.key])

    def append(self, entries: Sequence[bytes]) -> tuple[int, ...]:
        """Append what is not there yet; returns where each entry stands, durably.

        Raises LogRefused if the log on the disk is not whole, Unreadable if it cannot be written.
        """
        if len(entries) > _MOST or any(len(entry) != ENTRY for entry in entries):
            raise ValueError(f"up to {_MOST} entries of {ENTRY} bytes")
        try:
            with self._locked():
                head = self._settle()
                known = self._known(head)
                fresh = [entry for entry in dict.fromkeys(entries) if entry not in known]
                if fresh:
                    self._refuse_rolled_back(head)
                    self._intend(head.size, fresh)
                    self._carry_out(head, fresh)
                    known |= {entry: head.size + n for n, entry in enumerate(fresh)}
                return tuple(known[entry] for entry in entries)
        except OSError as error:
            raise Unreadable(f"the log cannot be written: {error.strerror}") from None

    def _known(self, head: Checkpoint) -> dict[bytes, int]:
        """Every entry with its place, if they are those of the head."""
        known, builder = {}, MerkleBuilder()
        for number, each in enumerate(Tiles(self.folder, head.size).entries()):
            known[each] = number
            builder.add(leaf_hash(each))
        if builder.root() != head.root:
            raise LogRefused(Code.E_LOG_INCLUSION, "the log's entries do not lead to its head")
        return known

    def settle(self) -> None:
        """Bring to its end what a crash broke off. Raises LogRefused, Unreadable."""
        try:
            with self._locked():
                self._settle()
        except OSError as error:
            raise Unreadable(f"the log cannot be written: {error.strerror}") from None

    def _settle(self) -> Checkpoint:
        _, head = self.head()
        pending = self._intent()
        if pending is None:
            return head
        size, entries = pending
        if size == head.size:
            return self._carry_out(head, entries)
        if size + len(entries) != head.size:
            raise LogRefused(Code.E_FORK, "the log's head does not fit what was last appended")
        self._forget()  # killed between the head and this
        return head

    def _carry_out(self, head: Checkpoint, entries: Sequence[bytes]) -> Checkpoint:
        tiles = Tiles(self.folder, head.size)
        if tiles.root() != head.root:
            raise LogRefused(Code.E_LOG_INCLUSION, "the log's tiles do not lead to its head")
        for name, data in _grown(tiles, entries):
            self._write(name, data)
        size = head.size + len(entries)
        # Killed before here: the intent stands, and the same is done again.
        new = Checkpoint(head.origin, size, Tiles(self.folder, size).root())
        self._publish(new)
        self._forget()
        self._prune(head.size, size)
        return new

    def _publish(self, head: Checkpoint) -> None:
        text = head.to_text()
        note = Note(text, (self._signer.sign(text),))
        write_atomically(self.folder / CHECKPOINT, note.to_bytes())

    def _refuse_rolled_back(self, head: Checkpoint) -> None:
        number, width = divmod(head.size, WIDTH)
        full = self.folder / tile_name(ENTRIES, number, WIDTH)
        partial = (self.folder / tile_name(ENTRIES, number, 1)).parent
        widths = [int(p.name) for p in partial.glob("[0-9]*")] if partial.is_dir() else []
        if full.exists() or any(each > width for each in widths):
            raise LogRefused(
                Code.E_FORK,
                "the log has entries beyond its head: the head was put back",
                hint="restore the newest checkpoint; another one of its size must not be signed",
            )

    def _intend(self, size: int, entries: Sequence[bytes]) -> None:
        value = {"size": size, "entries": [entry.hex() for entry in entries]}
        write_atomically(self.folder / INTENT, dumps(value))

    def _intent(self) -> tuple[int, list[bytes]] | None:
        path = self.folder / INTENT
        if not path.exists():
            return None
        try:
            value = loads(read_limited(path, _LIMITS.size, "the log's intent"), _LIMITS, "intent")
            assert isinstance(value, dict)
            size, entries = value["size"], value["entries"]
            assert isinstance(size, int)
            assert isinstance(entries, list)
            return size, [bytes.fromhex(str(entry)) for entry in entries]
        except (Malformed, AssertionError, KeyError, ValueError):
            raise LogRefused(Code.E_LOG_PARSE, "the log's intent was edited") from None

    def _forget(self) -> None:
        (self.folder / INTENT).unlink()
        sync_directory(self.folder)

    def _write(self, name: str, data: bytes) -> None:
        path, above = self.folder / name, self.folder
        for part in Path(name).parent.parts:
            folder = above / part
            folder.mkdir(mode=0o755, exist_ok=True)
            sync_directory(above)  # also where a crash came after the last mkdir
            above = folder
        write_atomically(path, data)

    def _prune(self, old: int, new: int) -> None:
        """Take partial tiles away whose full tile is there now; what is left by a crash stays."""
        for level in (ENTRIES, 0, 1, 2, 3):
            shift = HEIGHT * level if isinstance(level, int) else 0
            for number in range((old >> shift) // WIDTH, (new >> shift) // WIDTH):
                partial = (self.folder / tile_name(level, number, 1)).parent
                with suppress(OSError):
                    for each in partial.iterdir():
                        each.unlink()
                    partial.rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def prove(folder: Path, entry: bytes, index: int, head: Note) -> LogProof:
    """Make the proof that `entry` is number `index` under a head of the log in `folder`.

    Raises LogRefused, E_LOG_INCLUSION, if it is not, or the tiles were edited; Unreadable.
    """
    top = Checkpoint.from_text(head.text)
    if not 0 <= index < top.size:
        raise LogRefused(Code.E_LOG_INCLUSION, "the log has no entry of that index")
    tiles = Tiles(folder, top.size)
    path = tuple(tiles.span(*span) for span in inclusion_spans(index, top.size))
    if not verify_inclusion(leaf_hash(entry), index, top.size, path, top.root):
        raise LogRefused(Code.E_LOG_INCLUSION, "the log's tiles do not lead to its head")
    return LogProof(index, path, head)


def _grown(tiles: Tiles, entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Return the files that more entries make, with their names."""
    number, width = divmod(tiles.size, WIDTH)
    last = tiles.bundle(number) if width else []
    for name, part in _cut(ENTRIES, number, [*last, *entries]):
        yield name, bundle(part)
    level, count, fresh = 0, tiles.size, [leaf_hash(entry) for entry in entries]
    while fresh:
        number, width = divmod(count, WIDTH)
        hashes = [*(tiles.hashes(level, number) if width else []), *fresh]
        for name, part in _cut(level, number, hashes):
            yield name, b"".join(part)
        # A full tile is one hash of the level above.
        full = len(hashes) // WIDTH
        fresh = [tile_root(hashes[n * WIDTH : (n + 1) * WIDTH]) for n in range(full)]
        level, count = level + 1, count // WIDTH


def _cut(level: int | str, number: int, values: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Cut what begins with tile `number` into tiles."""
    for first in range(0, len(values), WIDTH):
        part = values[first : first + WIDTH]
        yield tile_name(level, number + first // WIDTH, len(part)), part
