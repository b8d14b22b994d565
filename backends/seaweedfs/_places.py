"""Where a SeaweedFS keeps what was deleted: its volumes, and its filer's log and store."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from backends.contract import Cost, Matcher, Step, Technique
from backends.errors import CouldNotTell, Vanished
from backends.seaweedfs._churn import SHARDS, WRITTEN, churn
from backends.seaweedfs._emptied import Emptied
from backends.seaweedfs._http import LOG
from backends.seaweedfs._look import CODED, Seen, in_bytes, in_store, in_volumes
from backends.seaweedfs._place import Place, PlaceOfNames

COMPACTED_AWAY = "compacted-away-not-overwritten"
_RATE = 60 << 20  # bytes a second that compacting and churning write, measured on two cores
_FLUSHED_AFTER = 60  # seconds: weed/filer, LogFlushInterval
_PATIENCE = 150.0  # seconds for that
_EMPTIED_AFTER = 150  # seconds: weed/filer/empty_folder_cleanup; and the log's minute in them
_STEADY = 1.6  # seconds: the filer hands its deletions on each 1.1 s
_LOOKS = 20
_NOWHERE = "volumes-not-found"


@dataclass(frozen=True)
class Volumes(Place):
    """The volumes of one collection: a bucket's has its name, that of the filer's own has none."""

    collection: str = ""

    kind: ClassVar[str] = "volumes"
    technique: ClassVar[Technique] = Technique.COMPACT
    phase: ClassVar[int] = 3
    limitation: ClassVar[str] = COMPACTED_AWAY
    looked: ClassVar[str] = "volume-files"

    @property
    def locator(self) -> str:
        """With the collection, if it has a name."""
        return f"{super().locator}/{self.collection}" if self.collection else super().locator

    def look(self, matcher: Matcher, *, thorough: bool = False) -> Seen:
        """Look at what was deleted, and whether all of it lies here; if `thorough`, at all."""
        assert self.files is not None
        seen = in_volumes(self.files, self.collection, matcher, live=thorough)
        elsewhere = self._elsewhere()
        if elsewhere != _NOWHERE or thorough:  # a bucket that is empty has no volumes
            seen.reason = seen.reason or elsewhere
        return seen

    def cost(self) -> Cost:
        """All volumes are written anew that have anything deleted in them."""
        volumes = self.server.volumes()
        due = [v for v in volumes if v.deleted or self._is_mine(v.collection)]
        writes = sum(v.size - v.deleted for v in due)
        return Cost(writes=writes, seconds=10 + writes // _RATE)

    def clean(self, matcher: Matcher) -> Mapping[str, int]:
        """Compact. What the filer has not deleted from the volumes yet would stay: wait for it."""
        del matcher
        before = self._steady()
        self.server.compact()
        if kept := self.kept():
            raise CouldNotTell(f"{self.where}: not all volumes can be compacted", reason=kept[0])
        return {"bytes-compacted": max(0, before - self._size())}

    def kept(self) -> tuple[str, ...]:
        """The server compacts no volume that is read-only, and none of an erasure code."""
        coded = self.files is not None and self.files.erasure_coded(self.collection)
        mine = (v for v in self.server.volumes() if self._is_mine(v.collection))
        fixed = any(v.read_only for v in mine)
        return (*([CODED] if coded else []), *(["volume-read-only"] if fixed else []))

    def _is_mine(self, collection: str) -> bool:
        return collection == self.collection

    def _steady(self) -> int:
        """The size of the volumes when deletions have ceased to be appended to them."""
        before = -1
        for _ in range(_LOOKS):
            time.sleep(_STEADY)
            now = self._size()
            if now == before:
                break
            before = now
        return now

    def _size(self) -> int:
        if self.files is None:
            return sum(v.size for v in self.server.volumes() if self._is_mine(v.collection))
        return sum(path.stat().st_size for path in self.files.volumes(self.collection))

    def _elsewhere(self) -> str:
        """Why the files that lie here are not all of the collection's; empty if they are."""
        assert self.files is not None
        known = [v.number for v in self.server.volumes() if self._is_mine(v.collection)]
        here = {int(path.stem.rpartition("_")[2]) for path in self.files.volumes(self.collection)}
        if not known and self.collection:
            return _NOWHERE
        if len(known) != len(set(known)) or not here.issuperset(known):
            return "volumes-on-other-hosts"
        return ""


@dataclass(frozen=True)
class ChangeLog(PlaceOfNames):
    """The log of the filer's changes: files that others may follow, with entries old and new."""

    kind: ClassVar[str] = "filer-log"
    technique: ClassVar[Technique] = Technique.REMOVE_LOG
    phase: ClassVar[int] = 1
    limitation: ClassVar[str] = "change-log-shortened"
    looked: ClassVar[str] = "filer-log-files"

    @property
    def visible(self) -> bool:
        """The filer gives its log to whoever may read its files."""
        return bool(self.server.filer)

    @property
    def obstacle(self) -> str:
        """Without the filer it stays."""
        return "" if self.server.filer else "filer-not-configured"

    def look(self, matcher: Matcher, *, thorough: bool = False) -> Seen:
        """Look at all files of the log."""
        del thorough
        seen = Seen()
        for path in self.server.log_files():
            try:
                data = self.server.read(path)
            except Vanished:
                continue
            seen.size += len(data)
            seen.add(in_bytes(matcher, data))
        return seen

    def cost(self) -> Cost:
        """The filer writes its log out once a minute, which is waited for.

        Where it removes folders that have become empty, that is waited for, and the log once more.
        """
        seconds = _FLUSHED_AFTER + 15
        if not all(map(self.server.keeps_folders, self.buckets())):
            seconds += _EMPTIED_AFTER
        return Cost(writes=0, seconds=seconds)

    def clean(self, matcher: Matcher) -> Mapping[str, int]:
        """Remove the files of the log that hold records, when all that was done is in them.

        One that tells of a folder which the server has yet to remove goes when it has done so: it
        is by that file that a run knows of the folder which comes after a crash. The removals are
        in the log, too, when it has been written out once more.
        """
        emptied = Emptied(self.server, self.where)
        self._flushed()
        for _, data in self._with_records(matcher):
            emptied.settle(data, matcher)
        if emptied.gone:
            self._flushed()
        known, removed = emptied.gone, 0
        while True:
            emptied.gone = 0
            for path, data in self._with_records(matcher):
                emptied.settle(data, matcher)
                self.server.remove(path)
                removed += 1
            if emptied.gone <= known:
                return {"log-files-removed": removed}
            known = 0
            self._flushed()

    def _with_records(self, matcher: Matcher) -> Iterator[tuple[str, bytes]]:
        """Yield those files of the log, and what is in them."""
        for path in list(self.server.log_files()):
            try:
                data = self.server.read(path)
            except Vanished:
                continue
            if in_bytes(matcher, data).verdict is not None:
                yield path, data

    def _flushed(self) -> None:
        """Wait until a change of our own stands in the log: then all before it does, too."""
        name = f"shredder-{secrets.token_hex(8)}"
        path = f"{LOG.rpartition('/')[0]}/{name}"
        self.server.put(path)
        self.server.remove(path)
        self.server.tell(Step("waiting-for-log"))
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(2)
            for file in list(self.server.log_files())[-4:]:
                if name.encode() in self.server.read(file):
                    return
        raise CouldNotTell(
            f"{self.where}: the filer does not write its log out", reason="filer-log-not-written"
        )


@dataclass(frozen=True)
class EntryStore(PlaceOfNames):
    """The filer's LevelDBs, with names, tags and metadata of what was deleted."""

    kind: ClassVar[str] = "filer-store"
    technique: ClassVar[Technique] = Technique.COMPACT
    phase: ClassVar[int] = 2
    limitation: ClassVar[str] = COMPACTED_AWAY
    looked: ClassVar[str] = "filer-store-files"

    @property
    def obstacle(self) -> str:
        """Without the filer they stay, and so do entries that lie in something else."""
        if not self.server.filer:
            return "filer-not-configured"
        if self.files is not None and not self.files.store():
            return "filer-store-not-known"
        return ""

    def look(self, matcher: Matcher, *, thorough: bool = False) -> Seen:
        """Look at every file. Raises CouldNotTell where there are none."""
        del thorough
        assert self.files is not None
        folders = self.files.store()
        if not folders:
            raise CouldNotTell(
                f"{self.where}: the filer's store is none that is known here",
                hint="looked into is leveldb2, in filerldb2 of the data directory",
                reason="filer-store-not-known",
            )
        return in_store(folders, matcher, self.where)

    def cost(self) -> Cost:
        """What is written, and taken away again."""
        writes = SHARDS * WRITTEN
        return Cost(writes=writes, seconds=writes // _RATE + 5)

    def clean(self, matcher: Matcher) -> Mapping[str, int]:
        """Have them merge until nothing of the dataset is in them, as far as that can be seen."""
        files = self.files
        if files is None:
            return {"tables-churned": churn(self.server, None)}

        def dirty() -> list[int]:
            return [
                int(folder.name)
                for folder in files.store()
                if in_store([folder], matcher, self.where).verdict is not None
            ]

        churned = churn(self.server, dirty)
        if dirty():
            raise CouldNotTell(f"{self.where}: the filer's store keeps it", reason="records-left")
        return {"tables-churned": churned}
