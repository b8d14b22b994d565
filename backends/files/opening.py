"""Opening a store on directory trees by its settings."""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Context, Store
from backends.files.free import FreeSpaces, wanted_from
from backends.files.reader import Reader
from backends.files.scrubbed import ScrubbedStore
from backends.files.store import FREED, TreeStore
from backends.files.trees import from_settings


def opened(
    name: str,
    settings: Mapping[str, object],
    context: Context,
    reader: Reader,
    encoding: str = "",
    delimiter: str = "",
) -> Store:
    """Open a store; its roots need not be reachable yet. Raises SettingError.

    `encoding` and `delimiter` are those of sources.
    """
    trees = from_settings(name, settings, context)
    wanted = wanted_from(name, settings)
    neighbours = bool(settings.get("neighbours", True))
    store = TreeStore(trees, reader, encoding, delimiter, neighbours=neighbours, tell=context.tell)
    if wanted is None:
        return store
    free = FreeSpaces(trees, wanted, context.tell)
    return ScrubbedStore(store, free, free.companions, FREED)
