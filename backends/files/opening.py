"""Opening a store on directory trees by its settings."""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Context
from backends.files.free import FreeSpaces, wanted_from
from backends.files.reader import Reader
from backends.files.store import TreeStore
from backends.files.trees import from_settings


def opened(
    name: str,
    settings: Mapping[str, object],
    context: Context,
    reader: Reader,
    encoding: str = "",
    delimiter: str = "",
) -> TreeStore:
    """Open a store; its roots need not be reachable yet. Raises SettingError.

    `encoding` and `delimiter` are those of sources.
    """
    trees = from_settings(name, settings, context)
    wanted = wanted_from(name, settings)
    return TreeStore(
        trees,
        reader,
        encoding,
        delimiter,
        neighbours=bool(settings.get("neighbours", True)),
        free=FreeSpaces(trees, wanted) if wanted else None,
    )
