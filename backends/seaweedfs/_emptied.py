"""Waiting for the server to remove folders that have become empty.

It does so by itself, two minutes after the last name was taken out of one and at the next half
minute, and logs the folder's name and that last one (weed/filer/empty_folder_cleanup). It is not
done in its place: the filer looks whether a folder is empty and removes it in two steps, and who
puts an object there in between has it in no listing any more. The server finds such folders, and
makes them anew, where it has removed them itself; nobody else can see them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backends.contract import Matcher, Step
from backends.errors import CouldNotTell
from backends.seaweedfs._changes import NotAChange, Removal, removals
from backends.seaweedfs._http import BUCKETS, Content, Server
from backends.seaweedfs._look import in_bytes

_PATIENCE = 300.0  # seconds: the server waits 120 to 150 unless it is told otherwise
_PAUSE = 2.0  # seconds
_AT_ONCE = 4096  # names that are probed together
_APART = b"\0\n\0"


@dataclass
class Emptied:
    """The folders that files of the filer's log tell of.

    `gone`: how many are gone without that the file which tells of them tells of their removal,
    which may not have been written out yet.
    """

    server: Server
    where: str  # how messages name the store
    gone: int = 0
    _end: float = field(init=False)
    _keeping: dict[str, bool] = field(default_factory=dict)  # by bucket

    def __post_init__(self) -> None:
        self._end = time.monotonic() + _PATIENCE

    def settle(self, log: bytes, matcher: Matcher) -> None:
        """Wait until no folder is empty that a name with a record was taken out of.

        `log` is a file of the filer's log. Raises CouldNotTell if one stays.
        """
        try:
            found = list(_with_records(log, matcher))
        except NotAChange:
            raise CouldNotTell(
                f"{self.where}: the filer's log is not of a form that is known",
                reason="filer-log-not-understood",
            ) from None
        told = {removal.path: place for place, removal in enumerate(found)}
        settled: set[str] = set()
        for place, removal in reversed(list(enumerate(found))):
            self._settle(removal.folder, settled, told, place)

    def _settle(
        self, folder: str, settled: set[str], told: Mapping[bytes, int], place: int
    ) -> None:
        """Wait for a folder, and for those it lies in: they may have held nothing else.

        `place`: of the last removal from it; that of the folder itself must stand behind it.
        """
        while folder not in settled and self._is_removed_when_empty(folder):
            content = self.server.content(folder)
            if content is Content.NONE:
                self._wait()
                continue
            if content is Content.SOME:
                return  # may be empty yet, when one within it has gone
            self.gone += told.get(folder.encode(), -1) < place
            settled.add(folder)
            folder = folder.rpartition("/")[0]

    def _is_removed_when_empty(self, folder: str) -> bool:
        """A bucket's own folder is not, nor what lies elsewhere or in a bucket that keeps them."""
        base, _, rest = folder.removeprefix("/").partition("/")
        bucket, _, inside = rest.partition("/")
        if f"/{base}" != BUCKETS or not inside:
            return False
        if bucket not in self._keeping:
            self._keeping[bucket] = self.server.keeps_folders(bucket)
        return not self._keeping[bucket]

    def _wait(self) -> None:
        if time.monotonic() >= self._end:
            raise CouldNotTell(
                f"{self.where}: a folder that has become empty is not removed by the server",
                hint="remove it, or have its bucket keep such folders",
                reason="emptied-folders-stay",
            )
        self.server.tell(Step("waiting-for-folders"))
        time.sleep(_PAUSE)


def _with_records(log: bytes, matcher: Matcher) -> Iterator[Removal]:
    """Yield removals of names that hold a record, or lie in a folder whose name does."""
    group: list[Removal] = []
    for removal in removals(log):
        group.append(removal)
        if len(group) == _AT_ONCE:
            yield from _matching(group, matcher)
            group = []
    yield from _matching(group, matcher)


def _matching(group: Sequence[Removal], matcher: Matcher) -> Iterator[Removal]:
    """By halves: most hold nothing."""
    waiting = [group]
    while waiting:
        part = waiting.pop()
        paths = _APART.join(removal.path for removal in part)
        if not part or in_bytes(matcher, paths).verdict is None:
            continue
        if len(part) == 1:
            yield part[0]
        else:
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
