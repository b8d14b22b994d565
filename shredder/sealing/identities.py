"""A dataset's key for a sweep: fetched where something sealed is met, and never sent there."""

from __future__ import annotations

from pathlib import Path


def identities_of(slots: Path, records: Path, dataset: str) -> tuple[bytes, ...]:
    """A dataset's key, if it lives and is to be had in this process; else none.

    Without it, what is sealed is a gap. Loads the key store only when something sealed was met.
    """
    from shredder.keystores import KeyStoreError  # noqa: PLC0415 - cryptography takes its time
    from shredder.keystores.file import FileKeyStore  # noqa: PLC0415
    from shredder.keystores.material import passphrase  # noqa: PLC0415
    from shredder.sealing.keys import keys_of  # noqa: PLC0415

    store = FileKeyStore(slots, records, passphrase=passphrase())
    try:
        with keys_of(store, dataset) as key:
            return (bytes(key),)
    except KeyStoreError:
        return ()
