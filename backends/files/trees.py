"""The roots of a store, and how names below them read as locators."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from backends.contract import Context, Holding
from backends.errors import SettingError, Vanished
from backends.fsops.tree import Parts, Walk
from backends.locator import escape, unescape


@dataclass(frozen=True, slots=True)
class Root:
    """A root: `name` as configured, which is the scope, and where that is."""

    name: str
    path: Path

    def locator(self, parts: Parts) -> str:
        """Return the locator of what is below the root."""
        return f"{self.name.rstrip('/')}/{cursor(parts)}" if parts else self.name

    def parts(self, locator: str) -> Parts:
        """Return the names that a locator leads through. Raises ValueError."""
        prefix = self.name.rstrip("/") + "/"
        if not locator.startswith(prefix):
            raise ValueError("a locator of another root")
        parts = parts_of(locator.removeprefix(prefix))
        if not parts:
            raise ValueError("the locator of a root")
        return parts


def cursor(parts: Parts) -> str:
    """Return a place below a root as text; parts_of() gives it back."""
    return escape(b"/".join(parts))


def parts_of(text: str) -> Parts:
    """Return a place below a root. Raises ValueError if it could lead out of it."""
    parts = tuple(unescape(text).split(b"/")) if text else ()
    if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
        raise ValueError("not a place below a root")
    return parts


EVERYWHERE = Root("/", Path("/"))
OUTSIDE = "outside"  # a detail of holdings that lie outside of the roots


@dataclass(frozen=True, slots=True)
class Trees:
    """The roots of one store."""

    store: str
    base: Path
    roots: tuple[Root, ...]
    walk: Walk

    def root(self, name: str) -> Root:
        """Return a root by its scope. Raises Vanished."""
        for root in self.roots:
            if root.name == name:
                return root
        raise Vanished(f"store {self.store}: it has no such root (any more)", reason="no-such-root")

    def place(self, holding: Holding) -> tuple[Root, Parts]:
        """Return where a holding lies. Raises Vanished, ValueError.

        A neighbour outside of the roots (see `_companions`) is reached from ``/``, and no symlink
        is followed on that way.
        """
        root = self.root(holding.scope)
        if holding.details.get(OUTSIDE):
            root = EVERYWHERE
        return root, root.parts(holding.locator)

    def where(self, root: Root) -> str:
        """Return how messages name a root."""
        return f"store {self.store}, root {root.name}"


@dataclass(frozen=True, slots=True)
class Excluded:
    """Whether parts of a tree match one of the patterns; see :mod:`backends.files`."""

    patterns: tuple[str, ...]

    def __call__(self, parts: Parts) -> bool:
        """Return whether a place below a root is excluded."""
        path, name = cursor(parts), escape(parts[-1])
        return any(
            fnmatch.fnmatchcase(path if "/" in pattern else name, pattern)
            for pattern in self.patterns
        )


def from_settings(name: str, settings: Mapping[str, object], context: Context) -> Trees:
    """Return the trees that a configuration names. Raises SettingError."""
    names = [str(root) for root in cast("Sequence[object]", settings["roots"])]
    if not names:
        raise SettingError(f"store {name}: `roots` is empty", hint="name at least one folder")
    if not all(names) or any("\0" in root for root in names):
        raise SettingError(f"store {name}: a root has no name", hint='the folder itself is "."')
    roots = tuple(Root(root, context.base.absolute() / root) for root in names)
    _refuse_nested(name, roots)
    patterns = tuple(str(p) for p in cast("Sequence[object]", settings.get("exclude", ())))
    return Trees(
        store=name,
        base=context.base,
        roots=roots,
        walk=Walk(
            cross=bool(settings.get("cross_filesystems", False)),
            excluded=Excluded(patterns),
            spared=_identity(context.state),
        ),
    )


def _refuse_nested(name: str, roots: Sequence[Root]) -> None:
    """A file below two roots would be two holdings, and each would find the other's work."""
    real = [Path(os.path.realpath(root.path)) for root in roots]
    for number, one in enumerate(real):
        for other in real[:number] + real[number + 1 :]:
            if other.is_relative_to(one):
                raise SettingError(
                    f"store {name}: root {roots[number].name} contains another root",
                    hint="leave out the inner one",
                )


def _identity(folder: Path) -> frozenset[tuple[int, int]]:
    try:
        status = os.stat(folder)  # noqa: PTH116 - of a Path or not, two numbers are wanted
    except OSError:
        return frozenset()
    return frozenset({(status.st_dev, status.st_ino)})
