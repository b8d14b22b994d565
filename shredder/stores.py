"""Opening the configured stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from backends.contract import Context, Store, Tell, untold
from backends.errors import BackendError, CouldNotTell
from shredder.config import KEYS, RECORD_KEYS, Config
from shredder.config.names import whole
from shredder.errors import ShredderError
from shredder.registry import backend
from shredder.state import State


def open_store(name: str, config: Config, tell: Tell = untold) -> Store:
    """Open one store, which tells how far it is with what takes long. Raises BackendError."""
    store = config.stores[name]
    context = Context(base=config.base, state=config.state, tell=tell)
    return backend(store.backend).open(name, store.settings, context)


def open_keys(config: Config, state: State, dataset: str) -> Store | BackendError | None:
    """The keys of a dataset as a store; None if it never had one."""
    from shredder.keystores import KeyStoreError  # noqa: PLC0415 - cryptography takes its time
    from shredder.keystores.as_store import unreadable  # noqa: PLC0415
    from shredder.keystores.holdings import KeyHoldings  # noqa: PLC0415
    from shredder.sealing.keys import key_store  # noqa: PLC0415

    keys = key_store(config, state)
    try:
        if not any(record.dataset == dataset for record in keys.records()):
            return None
    except KeyStoreError as error:
        # Whether it has a key is not known: that is never read as none.
        return unreadable(error)
    return KeyHoldings(KEYS, keys.traits, dataset, keys)


def settle_keys(config: Config, state: State, dataset: str) -> dict[str, ShredderError]:
    """Call those of a dataset's keys destroyed whose wait is over and that are gone.

    Those of its records' trees are among them.

    Destroys nothing. Returns, by the key's id, why nobody could tell; the sweep finds a gap there.
    """
    from shredder.keystores import KeyState, KeyStoreError  # noqa: PLC0415 - as above
    from shredder.sealing.keys import key_store  # noqa: PLC0415

    keys, untold = key_store(config, state), dict[str, ShredderError]()
    try:
        records = keys.records()
    except KeyStoreError:
        return {}  # of no key in particular
    for record in records:
        if record.dataset.partition("/")[0] == whole(dataset) and record.state is KeyState.PENDING:
            try:
                keys.settle(record.id)
            except KeyStoreError as error:
                untold[record.id] = error
    return untold


def open_record_keys(config: Config, state: State, selection: str) -> Store | BackendError | None:
    """The own keys of chosen records as a store; None if they have none."""
    from shredder.keystores import KeyDestroyed, KeyStoreError, NoKey  # noqa: PLC0415
    from shredder.keystores.as_store import unreadable  # noqa: PLC0415
    from shredder.sealing.holdings import RecordKeyHoldings  # noqa: PLC0415
    from shredder.sealing.keys import key_store, known_record, living_record  # noqa: PLC0415
    from shredder.sealing.places import read_places, write_places  # noqa: PLC0415
    from shredder.sealing.records import RecordKeys  # noqa: PLC0415

    store = key_store(config, state)
    try:
        record = known_record(store, whole(selection))
        keys = RecordKeys(store, state.key_trees, record)
        if not keys.made:
            return None
        if reason := _ENDING.get(record.state.value):
            return _ending_key(whole(selection), reason)
        living_record(store, whole(selection))
        file = state.record_paths(selection)
        places = read_places(file)
        if places.key != record.id:
            return _unknown_keys(selection)  # these are places of a key that the dataset had before
    except (NoKey, KeyDestroyed):
        return None  # without the dataset's key none of them opens anything
    except KeyStoreError as error:
        return unreadable(error)
    except (FileNotFoundError, ValueError):
        return _unknown_keys(selection)
    note = partial(write_places, file)
    return RecordKeyHoldings(RECORD_KEYS, store.traits, keys, record, places, note)


def _ending_key(dataset: str, reason: str) -> CouldNotTell:
    return CouldNotTell(
        f"the key of {dataset} is not at its end: nobody can tell yet whether chosen records' own "
        "keys come back with it",
        hint=f"end it by `shredder key destroy {dataset}`, once a provider's wait is over",
        reason=reason,
    )


def _unknown_keys(selection: str) -> CouldNotTell:
    return CouldNotTell(
        f"which keys the records {selection} have is not known",
        hint="choose them once more, by --record",
        reason="key-not-found",
    )


# By the state of a dataset's key whose end is not seen yet: why its records' keys are not told of.
_ENDING: Final = {"destroying": "key-unfinished", "pending": "deletion-window"}


@contextmanager
def opened(names: Iterable[str], config: Config) -> Iterator[dict[str, Store]]:
    """Open stores and close them again. Raises BackendError."""
    with ExitStack() as stack:
        stores: dict[str, Store] = {}
        for name in names:
            stores[name] = open_store(name, config)
            stack.callback(stores[name].close)
        yield stores
