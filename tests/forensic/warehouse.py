"""A Postgres server on a file system of its own, with records everywhere in it.

And who destroys them by the installed command, which reaches the server's files on this host, or is
kept from them, as on another one: then SQL is its only way.
"""

from __future__ import annotations

import contextlib
import csv
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.conformance import Row
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import Place
from tests.backends.postgres.raw.compressing import decompressed, decompressed_lz4
from tests.cli.operating import HereOperator, Operator
from tests.forensic import runs
from tests.forensic.images import Image, Kind, mounted

SYSTEMS = {
    "ext4": Kind(("mkfs.ext4", "-q", "-N", "8192"), size=640 << 20),
    "xfs": Kind(("mkfs.xfs", "-q"), size=640 << 20),
}
# Addresses, notes, long values in TOAST, identifiers of 16 bytes and in words; texts that pglz and
# lz4 have compressed in a table that goes as a whole, and such in a mixed one.
SORTS = "ENTIWPLZ"
PACKED = 200
# Pages of large objects cut some words in two.
ALL = {**dict.fromkeys("ENTI", leftovers.RECORDS), "W": 1960, **dict.fromkeys("PLZ", PACKED)}
NONE = dict.fromkeys(SORTS, 0)
_PACKED = re.compile(rb"([PLZ])m(\d{4})packed")
_IDENTIFIER = re.compile(rb"c0ffee15-(\d{4})-4000-806d-[0-9a-f]{12}")  # those of kind m
_STEP, _LAP = 1 << 20, 1 << 16
_UNWRITTEN = re.compile(r"^ *\d+: +\d+\.\. *\d+: +(\d+)\.\. *(\d+):.*unwritten", re.MULTILINE)
_CHUNK = 2000  # bytes of a chunk in TOAST, its length with it
# On a disk as it is used: nothing is on it before the server says so.
_SETTINGS = {"fsync": "on", "max_wal_size": "64MB", "min_wal_size": "32MB"}
# The wheel's server is built without it, and 13 knows pglz alone.
_LZ4 = """
SELECT coalesce((SELECT 'lz4' FROM pg_settings
                  WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)), 'pglz'),
       current_setting('server_version_num')::int >= 140000
"""
_CONFIGURATION = """\
controller = "Example Ltd"

[stores.papers]
backend = "files"
roots = ["papers"]

[stores.warehouse]
backend = "postgres"
conninfo = "service=warehouse dbname={database}"
databases = ["{database}"]
residue = true
{more}

[datasets.canaries]
sources = [{{ store = "papers", path = "canaries.csv" }}]

[datasets.canaries.columns]
respondent_id = "private"
email = "private"
answer = "quasi"
"""


_SCRUB = """\
data_directory = "{}"
scrub = true
scrub_reserve = "0%"
"""


@dataclass(frozen=True)
class World:
    """A server whose data directory lies on a file system in a file."""

    image: Image
    place: Place

    def in_directory(self) -> dict[str, int]:
        """How many canaries of each sort are in the data directory of the running server."""
        self.place.sql("CHECKPOINT")
        found = _Found()
        for path in sorted(self.place.server.data_directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found.add(path.read_bytes())
        return found.counts()

    def in_image(self, without: Sequence[tuple[int, int]] = ()) -> dict[str, int]:
        """How many canaries of each sort are anywhere in the raw image, but for some stretches."""
        if self.image.mount.is_mount():
            subprocess.run(["sync", "-f", self.image.mount], check=True)
        found = _Found()
        with self.image.file.open("rb") as raw:
            at = 0
            while data := raw.read(_STEP + _LAP):
                if np.frombuffer(data, np.uint8).any():
                    found.add(_blanked(data, at, without))
                at += _STEP
                raw.seek(at)
        return found.counts()

    def set_aside(self) -> list[tuple[int, int]]:
        """Where blocks lie that files have and never wrote: beginnings and ends in the image."""
        files = [p for p in self.image.mount.rglob("*") if p.is_file() and not p.is_symlink()]
        told = subprocess.run(
            ["filefrag", "-s", "-e", "-v", "-b1", *files],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [(int(m[1]), int(m[2]) + 1) for m in _UNWRITTEN.finditer(told)]

    def others(self) -> str:
        """What pg_dump says of all that is not destroyed, large objects aside."""
        where = "WHERE email LIKE 'Es%%' ORDER BY email"
        kept = [self.place.sql(f"SELECT * FROM {table} {where}") for table in ("mixed", "jumbled")]
        large = self.place.sql("SELECT lo_get(oid) FROM pg_largeobject_metadata WHERE oid = 4711")
        gone = ("pure", "mixed", "leaf", "seen", "packed", "jumbled", "ids")
        return f"{self.place.dump(*gone, no_blobs=True)}{kept}{large}"

    def end(self) -> None:
        """Stop the server and let go of the file system."""
        self.place.close()
        self.place.server.stop()
        self.image.unmount()


@contextlib.contextmanager
def world(system: str, version: int | Path) -> Iterator[World]:
    """Have a server, of a version or of programs, on a file system, with the records in it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server runs as nobody
        with (
            mounted(SYSTEMS[system], Path(folder)) as image,
            leftovers.server(image.place, version, **_SETTINGS) as place,
        ):
            assert place.server.data_directory.is_relative_to(image.mount)
            # What initdb has written takes no blocks of files that go later.
            subprocess.run(["sync", "-f", image.mount], check=True)
            leftovers.planted(place)
            _pack(place)
            _move_log_on(place)
            place.sql("CREATE TABLE ids AS SELECT respondent_id FROM pure")
            leftovers.logged(place)
            yield World(image, place)


def _move_log_on(place: Place) -> None:
    """Have the write-ahead log hold little but what comes now: to look through it takes long."""
    for _ in range(10):
        place.sql("CHECKPOINT")
        place.sql("SELECT pg_current_xact_id()")
        place.sql("SELECT pg_switch_wal()")


def _pack(place: Place) -> None:
    """Lay down texts that the server compresses: in rows, and in TOAST besides."""
    ((lz4, tells),) = place.sql(_LZ4)
    by_pglz, by_lz4 = (f"COMPRESSION {each}" if tells else "" for each in ("pglz", lz4))
    rows = {
        "packed": [("P", "L", row) for row in leftovers.rows("m", PACKED)],
        "jumbled": [("Z", "Z", row) for kind in "ms" for row in leftovers.rows(kind, PACKED)],
    }
    for table, these in rows.items():
        place.sql(
            f"CREATE TABLE {table} (respondent_id uuid, email text,"
            f" short text {by_pglz}, long text {by_pglz}, small text {by_lz4}, large text {by_lz4})"
        )
        with place.connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for *sorts, row in these:
                texts = [
                    "and " * 20 + f"again and {sort}{row.email[1:6]}packed " * 45 + rest
                    for sort in sorts
                    for rest in ("", _incompressible(row.email))
                ]
                copy.write_row((row.respondent_id, row.email, *texts))
    place.sql("ANALYZE")
    place.sql("CHECKPOINT")


def _incompressible(seed: str) -> str:
    """Enough of it that a value goes into TOAST."""
    return random.Random(seed).randbytes(1200).hex()


def _blanked(data: bytes, at: int, stretches: Sequence[tuple[int, int]]) -> bytes:
    """Return bytes of a place in the image with zeros in some stretches."""
    blank = bytearray(data)
    for begin, end in stretches:
        first, last = max(begin - at, 0), min(end - at, len(data))
        if first < last:
            blank[first:last] = bytes(last - first)
    return bytes(blank)


class _Found:
    """Canaries that were found."""

    def __init__(self) -> None:
        self._seen: dict[str, set[bytes]] = {sort: set() for sort in SORTS}

    def add(self, data: bytes) -> None:
        """Look through bytes, as they are and within what is compressed."""
        for text in (data, *_opened(data)):
            for sort, seen in leftovers.canaries(text, "m").items():
                self._seen[sort] |= seen
            self._seen["W"].update(_IDENTIFIER.findall(text))
            for sort, number in _PACKED.findall(text):
                self._seen[sort.decode()].add(number)

    def counts(self) -> dict[str, int]:
        return {sort: len(seen) for sort, seen in self._seen.items()}


def _opened(data: bytes) -> Iterator[bytes]:
    """Yield what comes out wherever a compressed value may begin, or its first chunk in TOAST.

    Its length, four times and two more (in TOAST: four times), and the size of its text with the
    method in the two highest bits.
    """
    for offset in range(4):
        words = np.frombuffer(data[offset : offset + (len(data) - offset) // 4 * 4], "<u4")
        length = words[:-1].astype(np.int64) >> 2
        size = words[1:].astype(np.int64) & 0x3FFFFFFF
        inline, chunk = words[:-1] & 3 == 2, (words[:-1] & 3 == 0) & (length <= _CHUNK)
        may = (inline | chunk) & (length > 30) & (length < _LAP) & (size > length)
        may &= (size < 100 * length) & (words[1:] >> 30 < 2)
        for place in np.flatnonzero(may).tolist():
            begin = offset + 4 * place + 8
            stored = data[begin : begin + int(length[place]) - 8]
            open_ = decompressed_lz4 if int(words[place + 1]) >> 30 else decompressed
            yield open_(stored, int(size[place]))


def operator(folder: Path, here: World, *, scrub: bool = False) -> Operator:
    """Set an operator up who is after all records on the server, and what is left of them."""
    (folder / "papers").mkdir(parents=True)
    with (folder / "canaries.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(leftovers.rows("m"))
    server = here.place.server
    surroundings = {
        "PGSERVICEFILE": str(server.service_file(folder / "pg_service.conf")),
        "PGPASSFILE": str(server.pgpass(folder / "pgpass")),
    }
    more = _SCRUB.format(server.data_directory) if scrub else ""
    text = _CONFIGURATION.format(database=here.place.name, more=more)
    (folder / "shredder.toml").write_text(text)
    for words in (["init"], ["enroll", runs.DATASET]):
        done = HereOperator(folder, surroundings).run(*words)
        assert done.code == 0, done.err
    return Operator(folder, surroundings)


def kept_from_files(here: World) -> Sequence[str]:
    """Return what a command is run by that is to reach no file of the server's."""
    hide = 'mount -t tmpfs none "$0" && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", hide, str(here.image.mount))


def scrubbed(here: World) -> dict[str, Any]:
    """Have the installed command scrub the file system, and return its answer."""
    words = ("scrub", here.image.place, "--reserve", "0%", "--yes", "--json")
    return Operator(here.place.scratch).run(*words).json
