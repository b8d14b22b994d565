"""The free space that a SeaweedFS's compacted files have gone back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backends.contract import Context, Holding, Store
from backends.files.free import FreeSpaces, wanted_from
from backends.files.scrubbed import ScrubbedStore
from backends.files.trees import from_settings
from backends.seaweedfs._places import COMPACTED_AWAY


def scrubbed(
    store: Store, settings: Mapping[str, object], context: Context, folder: Path | None
) -> Store:
    """Have it scrubbed below a store's folder, if that is wanted. Raises SettingError."""
    wanted = wanted_from(store.name, settings)
    if wanted is None or folder is None:
        return store
    free = FreeSpaces(
        from_settings(store.name, {"roots": [str(folder)]}, context), wanted, context.tell
    )

    def below(holdings: Sequence[Holding]) -> Iterator[Holding]:
        """Whichever object it is: its bytes are in some file of the server's."""
        return free.every() if any(True for _ in holdings) else iter(())

    return ScrubbedStore(store, free, below, frozenset({COMPACTED_AWAY}))
