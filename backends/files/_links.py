"""Files with several names: read once, and their names counted."""

from __future__ import annotations

import threading
from collections import OrderedDict

from backends.contract import Matcher
from backends.files.reader import Content
from backends.files.trees import Trees
from backends.fsops.identity import Version
from backends.fsops.reasons import RootUnavailable
from backends.fsops.tree import Found

_REMEMBERED = 256  # files


class Links:
    """Knows how many names below the roots lead to a file. Thread-safe.

    The roots are walked once, when a holding with several names is first met; the memory this
    takes is one number for each file with several names.
    """

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._lock = threading.Lock()
        self._names: dict[tuple[int, int], int] | None = None
        self._contents: OrderedDict[tuple[Version, str], Content] = OrderedDict()

    def names(self, device: int, inode: int) -> int:
        """Return how many names below the roots lead to a file; 0: not known."""
        with self._lock:
            if self._names is None:
                self._names = self._count()
            return self._names.get((device, inode), 0)

    def _count(self) -> dict[tuple[int, int], int]:
        counts: dict[tuple[int, int], int] = {}
        for root in self._trees.roots:
            try:
                for found in self._trees.walk.files(root.path):
                    if isinstance(found, Found) and found.status.st_nlink > 1:
                        key = (found.status.st_dev, found.status.st_ino)
                        counts[key] = counts.get(key, 0) + 1
            except RootUnavailable:
                continue  # its names are not counted, so the file has a name too many: said so
        return counts

    def recall(self, version: Version, matcher: Matcher) -> Content | None:
        """Return what a file in this state holds, if it has been read under another name."""
        with self._lock:
            return self._contents.get((version, matcher.commitment))

    def keep(self, version: Version, matcher: Matcher, content: Content) -> None:
        """Remember what a file in this state holds."""
        with self._lock:
            self._contents[version, matcher.commitment] = content
            while len(self._contents) > _REMEMBERED:
                self._contents.popitem(last=False)
