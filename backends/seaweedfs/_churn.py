"""Having the filer's LevelDBs compact themselves, by writing to them what is taken away again.

A LevelDB drops what was deleted or replaced when it merges the tables that hold it, and it merges
when four have come: each is written when 16 MiB have been put (weed/filer/leveldb2). So as much is
put, several times over, by files of our own whose keys lie before and behind all others of each
LevelDB; that every table overlaps with them has all be merged. Nobody else's entry is touched. The
folder's name begins like that of the filer's log, so the filer does not log what is done in it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator

from backends.contract import Step
from backends.seaweedfs._http import LOG, Server

SHARDS = 8  # LevelDBs, by the folder's digest
_FOLDER = f"{LOG}-shredder"
_NOTE = 400_000  # bytes of a file's metadata; the filer takes a header of 1 MiB
_FLUSH = 44  # files that make a table
_LEAST, _MOST = 5, 15  # tables
_MERGING = (1.0, 2.0, 4.0, 8.0)  # seconds, after which it is looked whether all have been merged
WRITTEN = _NOTE * _FLUSH * _LEAST  # bytes for a shard, at the least


def churn(server: Server, dirty: Callable[[], Collection[int]] | None) -> int:
    """Fill LevelDBs as long as they are `dirty`; return how many tables' worth was put in all.

    None: nobody can tell which are, so all are filled, and long enough for one of usual size.
    They merge by themselves, and on a busy host not at once: that is waited for, since a table
    that goes after the free space has been written over would be left there.
    """
    server.remove(_FOLDER, folder=True)  # what a run left that was killed
    written = 0
    try:
        shards = dirty() if dirty else range(SHARDS)
        for _ in range(_MOST // _LEAST if dirty else 1):
            if not shards:
                break
            for number, shard in enumerate(shards):
                server.tell(Step("merging-tables", number, len(shards)))
                with server.noting() as put:
                    _fill(put, _edges(shard))
                written += _LEAST
            shards = _merged(dirty, shards)
    finally:
        server.remove(_FOLDER, folder=True)
    return written


def _merged(
    dirty: Callable[[], Collection[int]] | None, shards: Collection[int]
) -> Collection[int]:
    """Wait for the tables to be merged; return which LevelDBs are dirty then."""
    for pause in _MERGING:
        time.sleep(pause)
        if dirty is None:
            break
        shards = dirty()
        if not shards:
            break
    return shards


def _fill(put: Callable[[str, str], None], edges: tuple[str, str]) -> None:
    for number in range(_LEAST * _FLUSH):
        put(f"{edges[number % 2]}/note", b64encode(os.urandom(_NOTE * 3 // 4)).decode())


@functools.cache
def own_folders() -> frozenset[bytes]:
    """What the keys of our own files begin with: their notes are random."""
    folders = (folder for shard in range(SHARDS) for folder in _edges(shard))
    return frozenset(_digest(folder) for folder in folders)


@functools.cache
def _edges(shard: int) -> tuple[str, str]:
    """Folders whose keys come first and last in a shard. Keys begin with the folder's MD5."""
    first = last = ""
    for name, digest in _digests():
        if digest[-1] % SHARDS != shard:
            continue
        if not first and digest[0] == 0 and digest[1] < 32:
            first = name
        if not last and digest[0] == 255 and digest[1] >= 224:
            last = name
        if first and last:
            return first, last
    raise AssertionError("unreachable: the digests go on")


def _digests() -> Iterator[tuple[str, bytes]]:
    number = 0
    while True:
        name = f"{_FOLDER}/{number}"
        yield name, _digest(name)
        number += 1


def _digest(folder: str) -> bytes:
    return hashlib.md5(folder.encode(), usedforsecurity=False).digest()
