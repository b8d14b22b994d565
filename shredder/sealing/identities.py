"""A dataset's key for a sweep: fetched where something sealed is met, and never sent there."""

from __future__ import annotations

from pathlib import Path

from shredder.config import KeysConfig


def identities_of(keys: KeysConfig, state: Path, dataset: str) -> tuple[bytes, ...]:
    """What opens what is sealed to a dataset, if its key is to be had in this process; else none.

    Without it, what is sealed is a gap. Loads the key store only when something sealed was met.
    `state`: the state directory.
    """
    from backends.sealedvalue import identity  # noqa: PLC0415 - cryptography takes its time
    from shredder.keystores import KeyStoreError  # noqa: PLC0415
    from shredder.sealing.keys import keys_of, known_record, store_of  # noqa: PLC0415
    from shredder.sealing.records import RecordKeys  # noqa: PLC0415
    from shredder.state import State  # noqa: PLC0415

    places = State(state)
    store = store_of(keys, places)
    try:
        with keys_of(store, dataset) as key:
            try:
                record = known_record(store, dataset)
                tree = RecordKeys(store, places.key_trees, record).tree(key)
            except KeyStoreError:
                tree = None  # what is under single records' keys is a gap
            return (identity(key, tree),)
    except KeyStoreError:
        return ()
