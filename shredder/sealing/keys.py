"""A dataset's key: the store that it lies in, who it is by its recipient, and its use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from backends.agefile import recipient_text
from shredder.config import Config, KeysConfig
from shredder.config.model import ORIGINS, WINDOW_DAYS, YES
from shredder.keystores import (
    KeyDestroyed,
    KeyRecord,
    KeyState,
    KeyStore,
    NoKey,
    StoreDamaged,
    newest,
)
from shredder.keystores.file import FileKeyStore
from shredder.keystores.keeper import Keeper
from shredder.keystores.material import passphrase
from shredder.keystores.wrapped import WrappedKeyStore
from shredder.sealing.records import RecordKeys
from shredder.state import State


def key_store(config: Config, state: State) -> KeyStore:
    """The key store of the configuration; passphrase and PIN are the environment's."""
    return store_of(config.keys, state)


def store_of(keys: KeysConfig, state: State) -> KeyStore:
    """The same, for who has but a part of the configuration."""
    if keys.store in _KEEPERS:
        return WrappedKeyStore(_KEEPERS[keys.store](keys.settings), state.key_records)
    return FileKeyStore(
        keys.file or state.slots,
        state.key_records,
        passphrase=passphrase(),
        best_effort=keys.best_effort,
        by_keyring=keys.by_keyring,
    )


def _token(settings: Mapping[str, str]) -> Keeper:
    from shredder.keystores.token import PIN, Token  # noqa: PLC0415 - seldom used

    return Token(settings["module"], settings["label"], os.environ.get(PIN))


def _kms(settings: Mapping[str, str]) -> Keeper:
    from shredder.keystores.kms import Kms, Making  # noqa: PLC0415 - seldom used
    from shredder.keystores.kmsapi import Service  # noqa: PLC0415

    making = Making(
        imported=settings.get("origin", ORIGINS[0]) != ORIGINS[0],
        window_days=int(settings.get("window_days", WINDOW_DAYS[1])),
        multi_region=settings.get("multi_region") == YES,
    )
    return Kms(Service(settings["region"], settings.get("endpoint_url", "")), making)


def _vault(settings: Mapping[str, str]) -> Keeper:
    from shredder.keystores.vault import Vault  # noqa: PLC0415 - seldom used
    from shredder.keystores.vaulthttp import ACCESS_TOKEN, VaultHttp  # noqa: PLC0415

    files = {name: Path(settings[name]) if name in settings else None for name in _VAULT_FILES}
    server = VaultHttp(
        settings["address"],
        token=os.environ.get(ACCESS_TOKEN),
        token_file=files["access_file"],
        namespace=settings.get("namespace", ""),
        ca_file=files["ca_file"],
    )
    return Vault(server, settings.get("mount", "transit"))


# Of a key store's settings, and of the environment what is a secret.
_KEEPERS: Final[Mapping[str, Callable[[Mapping[str, str]], Keeper]]] = {
    "aws-kms": _kms,
    "pkcs11": _token,
    "vault": _vault,
}
_VAULT_FILES: Final = ("access_file", "ca_file")
# What is wrong with a key that lives, and opens nothing as it is.
_LOST: Final = frozenset(
    {"key-deletion-begun", "key-not-found", "keyring-item-not-found", "slot-damaged"}
)


def recipient_of(record: KeyRecord) -> str:
    """What anybody encrypts to: ``age1…``."""
    return recipient_text(bytes.fromhex(record.public))


def known_record(store: KeyStore, dataset: str) -> KeyRecord:
    """The record of a dataset's key, or of its last one. Raises NoKey."""
    records = [each for each in store.records() if each.dataset == dataset]
    record = newest(records)
    if record is None:
        raise NoKey(
            f"dataset {dataset} has no key",
            hint=f"make it with `shredder key create {dataset}`",
        )
    return record


def living_record(store: KeyStore, dataset: str) -> KeyRecord:
    """The record of the key that a dataset can be sealed with.

    Raises NoKey, KeyDestroyed, and StoreDamaged for one that is seen to open nothing. One that
    cannot be looked at is taken: who seals needs no secret.
    """
    record = known_record(store, dataset)
    if record.state is KeyState.MAKING:
        raise NoKey(
            f"the key of {dataset} was never finished",
            hint=f"make it anew: `shredder key create {dataset}`",
        )
    problems = store.inspect(record.id) if record.state is KeyState.LIVE else ()
    if record.state is not KeyState.LIVE or "record-restored" in problems:
        raise KeyDestroyed(
            f"the key of {dataset} is destroyed: what is sealed to it, nobody could open",
            hint=f"for data that is to live, make another: `shredder key create {dataset}`",
        )
    if lost := _LOST.intersection(problems):
        raise StoreDamaged(
            f"what opens the key of {dataset} is not there, or is to go ({' '.join(lost)}): what "
            "is sealed to it now, nobody could open",
            hint=f"see `shredder key show {dataset}`; nothing was altered",
        )
    return record


def record_keys(config: Config, state: State, dataset: str) -> RecordKeys:
    """The keys of a dataset's single records. Raises NoKey, KeyDestroyed."""
    store = key_store(config, state)
    return RecordKeys(store, state.key_trees, living_record(store, dataset))


@contextmanager
def keys_of(store: KeyStore, dataset: str) -> Iterator[bytearray]:
    """A dataset's key for as long as the context lasts. Raises KeyStoreError."""
    with store.using(known_record(store, dataset).id) as key:
        yield key
