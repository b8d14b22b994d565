"""Finding backends by entry point: our own exactly as a third party's."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from backends.contract import Backend, Setting
from shredder.errors import UsageError

GROUP = "shredder.backends"


@cache  # held() reads the configuration before every batch; what is installed stays
def _entry_point(name: str) -> EntryPoint | None:
    found = tuple(entry_points(group=GROUP, name=name))
    return found[0] if found else None


def backend(name: str) -> Backend:
    """Load a backend by its name. Raises UsageError."""
    entry = _entry_point(name)
    if entry is None:
        known = ", ".join(sorted(entry_points(group=GROUP).names))
        raise UsageError(f"no backend is called {name!r}", hint=f"installed: {known}")
    found: object = entry.load()
    if not isinstance(found, Backend):
        raise UsageError(f"the entry point of backend {name!r} does not name a backend")
    return found


def for_workers(name: str) -> str:
    """What a worker has need of before it opens a store: a backend's module, or `loaded` in it.

    Empty if there is no such backend.
    """
    entry = _entry_point(name)
    if entry is None:
        return ""
    with suppress(ModuleNotFoundError):  # a module that is no package
        if importlib.util.find_spec(f"{entry.module}.loaded"):
            return f"{entry.module}.loaded"
    return entry.module


def backend_settings(name: str) -> tuple[Mapping[str, Setting], frozenset[str]] | str:
    """The settings a backend knows and those it requires, or why there are none."""
    try:
        found = backend(name)
    except UsageError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return found.settings, found.required
