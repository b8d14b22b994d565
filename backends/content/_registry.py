"""The openers that are installed: found by entry points, ours exactly as a third party's."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points

from backends.content._opener import Opener
from backends.content._unopened import why_unopened
from backends.contract import Check, CheckStatus

GROUP = "shredder.openers"


@functools.cache
def installed_openers() -> tuple[Opener, ...]:
    """Return all openers, in the order in which they are asked."""
    found: dict[str, Opener] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        opener = point.load()
        found[opener.name] = opener
    order = TopologicalSorter[str]()
    for name, opener in found.items():
        order.add(name)
        for later in opener.precedes:
            order.add(later, name)
    try:
        names = list(order.static_order())
    except CycleError:
        names = list(found)
    return tuple(found[name] for name in names if name in found)


def lacking(opener: Opener) -> list[str]:
    """Return the modules that an opener needs and that are not installed."""
    return [name for name in opener.needs if not _installed(name)]


@functools.cache
def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def identify(head: bytes) -> tuple[str, str]:
    """Return the name of what opens such a document, and the reason why it cannot be opened.

    Both empty: these bytes are looked at as they are.
    """
    for opener in installed_openers():
        if opener.recognises(head):
            return opener.name, ""
    return "", why_unopened(head)


def check() -> Iterator[Check]:
    """Yield a line for doctor: what cannot be opened for want of a library."""
    what = "formats"
    missing = {
        opener.name: modules
        for opener in installed_openers()
        if (modules := [*lacking(opener), *(n for n in opener.wants if not _installed(n))])
    }
    if not missing:
        yield Check(
            what, CheckStatus.OK, f"{len(installed_openers())} kinds of containers are opened"
        )
        return
    names = ", ".join(sorted(missing))
    modules = sorted({module for lacks in missing.values() for module in lacks})
    yield Check(
        what,
        CheckStatus.MISSING,
        f"not opened, or not all of it: {names} ({', '.join(modules)} not installed)",
        "pip install 'shredder-toolkit[formats]'",
    )
