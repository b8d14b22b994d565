"""The free space that a server's files have gone back to, written over when all else is done.

At COMMIT the server cuts the old files of what was written anew to nothing: then they keep no
block, not for whoever holds them open either. Before COMMIT they must not be written over, for a
crash would bring them back, without the rows that are to stay. So what they held lies in free
blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backends.contract import Context, Holding, Store
from backends.errors import SettingError
from backends.files.free import FreeSpaces, wanted_from
from backends.files.scrubbed import ScrubbedStore
from backends.files.trees import from_settings

_REACHED = frozenset({"postgres-freed-blocks"})


def scrubbed(store: Store, settings: Mapping[str, object], context: Context) -> Store:
    """Have it scrubbed below a server's data directory, if that is wanted. Raises SettingError."""
    wanted = wanted_from(store.name, settings)
    if wanted is None:
        return store
    directory = str(settings.get("data_directory", ""))
    if not directory:
        raise SettingError(
            f"store {store.name}: scrub is set, and data_directory is not",
            hint="name the server's data directory on this host, or leave scrub out",
        )
    try:
        roots = [str(each) for each in _folders(Path(directory))]
    except OSError:
        raise SettingError(
            f"store {store.name}: data_directory, or what its links lead to, is not the server's"
            " or cannot be entered",
            hint="run this on the server's host, as root or the server's user",
        ) from None
    trees = from_settings(store.name, {"roots": roots, "cross_filesystems": True}, context)
    free = FreeSpaces(trees, wanted, context.tell)

    def below(holdings: Sequence[Holding]) -> Iterator[Holding]:
        """Whatever goes: its bytes are in some file of the server's, and in its log."""
        if any(each.store == store.name and (each.whole or each.partial) for each in holdings):
            yield from free.every()

    return ScrubbedStore(store, free, below, _REACHED)


def _folders(directory: Path) -> Iterator[Path]:
    """Yield folders below which all of a server's files lie. Raises OSError."""
    found: list[Path] = []
    owner = directory.stat().st_uid
    spaces = directory / "pg_tblspc"
    for path in (directory, directory / "pg_wal", *sorted(spaces.iterdir())):
        real = path.resolve(strict=True)
        fd = os.open(real, os.O_RDONLY | os.O_DIRECTORY)
        status = os.fstat(fd)
        os.close(fd)
        if status.st_uid != owner:  # who rules the server can have its links lead anywhere
            raise PermissionError
        if not any(real.is_relative_to(each) for each in found):
            found.append(real)
            yield real
