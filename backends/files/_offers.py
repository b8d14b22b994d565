"""What may be of a holding and is no unit of the sweep's: looked at, and offered as it is found.

None of it is called a copy, so that nothing of it goes without the operator's word.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum

from backends.contract import Holding, Matcher, Technique, Verdict
from backends.errors import CouldNotTell, Vanished
from backends.files._look import look
from backends.files.reader import Reader
from backends.files.trees import EVERYWHERE, OUTSIDE, Root, Trees
from backends.fsops import linux
from backends.fsops.identity import Version
from backends.fsops.reasons import told
from backends.fsops.tree import Parts, descend


class Alone(Enum):
    """What the place and the name of a file earn it, where its content is not the dataset's."""

    NOTHING = "nothing"
    IF_UNREAD = "unread"  # `maybe`, if it could not be examined in full
    MAYBE = "maybe"
    KEEPS = "keeps"  # `maybe`, and what it holds of others counts: it is a file like any
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class Near:
    """Something that may be of a holding."""

    kind: str
    scope: str
    root: Root
    parts: Parts
    alone: Alone

    @property
    def outside(self) -> bool:
        """Whether it lies in none of the roots."""
        return self.root is EVERYWHERE


class Offers:
    """Looks at what may be of a holding. `problems`: codes of why something could not be told."""

    def __init__(self, trees: Trees, reader: Reader, matcher: Matcher) -> None:
        self.problems: set[str] = set()
        self._trees = trees
        self._reader = reader
        self._matcher = matcher
        self._where = f"store {trees.store}, near its holdings"
        self._real = {root.name: os.path.realpath(os.fsencode(root.path)) for root in trees.roots}

    def bases(self, root: Root) -> list[bytes]:
        """Return the ways to write where a root is."""
        return sorted({self._real[root.name], os.path.normpath(os.fsencode(root.path))})

    def placed(self, kind: str, of: Root, at: Parts, alone: Alone) -> Near:
        """Tell of something by its way from ``/``, or from a root that it lies below."""
        path = b"/" + b"/".join(at)
        for root in self._trees.roots:
            real = self._real[root.name].rstrip(b"/") + b"/"
            if path.startswith(real):
                below = tuple(path.removeprefix(real).split(b"/"))
                return Near(kind, root.name, root, below, alone)
        return Near(kind, of.name, EVERYWHERE, at, alone)

    def offered(self, near: Near) -> Holding | None:
        """Look at it, and say what it is.

        None: nothing of the dataset, or the sweep's to say, or a problem.
        """
        try:
            return self._offered(near)
        except Vanished:
            return None
        except CouldNotTell as error:  # not even its place can be looked at
            self.problems.add(error.code)
            return None

    def settle(self) -> None:
        """Say, when all else has been, if something could not be told. Raises CouldNotTell."""
        if self.problems:
            raise CouldNotTell(
                f"store {self._trees.store}: what is of its holdings elsewhere is not all known",
                reason=min(self.problems),
            )

    def _offered(self, near: Near) -> Holding | None:
        """Do so. Raises CouldNotTell, Vanished if it is not there any more, or a link by now."""
        try:
            sight = look(near.root.path, near.parts, self._reader, self._matcher, self._where)
        except Vanished:
            raise
        except CouldNotTell as error:
            return None if near.alone is Alone.NOTHING else self._unread(near, error.code)
        reading = sight.content.reading
        found = reading.evidence.verdict
        if found is not None and not near.outside:
            return None  # the sweep has found it by itself
        verdict = Verdict.LIKELY if found is Verdict.COPY else found
        if verdict is None and near.alone is Alone.LIKELY:
            verdict = Verdict.LIKELY
        if verdict is None:
            unread = near.alone is Alone.IF_UNREAD and reading.reason
            if not unread and near.alone not in {Alone.MAYBE, Alone.KEEPS}:
                return None
            verdict = Verdict.MAYBE
        # Whoever may write there can have given any file of theirs such a name, too.
        bar = sight.barred or ("hard-linked" if sight.links > 1 else "")
        holding = self._unread(near, bar or "no-record-rewrite")
        counts = found is not None or near.alone is Alone.KEEPS
        return replace(
            holding,
            version=str(sight.version),
            verdict=verdict,
            records=reading.evidence.records if counts else None,
            foreign_records=reading.foreign_records if counts else None,
            size=sight.version.size,
            whole=None if bar else Technique.OVERWRITE,
            limitations=sight.ground,
            details={
                **holding.details,
                "folder-device": sight.folder_device,
                "handle": sight.handle,
            },
            signs=reading.evidence.signs,
        )

    def _unread(self, near: Near, obstacle: str) -> Holding:
        """Tell of something by its name alone, with no technique: it must be looked at first.

        Raises CouldNotTell, Vanished.
        """
        try:
            with descend(near.root.path, near.parts[:-1]) as way:
                status = None if way.missing else linux.stat_of(near.parts[-1], way.fd)
                device = way.device
        except OSError as error:
            raise told(error, self._where) from None
        if status is None:
            raise Vanished(f"{self._where}: a file is not there any more")
        return Holding(
            store=self._trees.store,
            scope=near.scope,
            locator=near.root.locator(near.parts),
            version=str(Version.of(status)),
            kind=near.kind,
            verdict=Verdict.MAYBE,
            records=None,
            foreign_records=None,
            size=status.st_size,
            whole=None,
            obstacle=obstacle,
            details={"folder-device": device, **({OUTSIDE: 1} if near.outside else {})},
        )
