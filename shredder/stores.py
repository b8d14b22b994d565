"""Opening the configured stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from backends.contract import Context, Store, Tell, untold
from backends.errors import BackendError, CouldNotTell
from shredder.config import KEYS, Config
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
    from shredder.keystores.holdings import KeyHoldings  # noqa: PLC0415
    from shredder.sealing.keys import key_store  # noqa: PLC0415

    keys = key_store(config, state)
    try:
        if not any(record.dataset == dataset for record in keys.records()):
            return None
    except KeyStoreError as error:
        # Whether it has a key is not known: that is never read as none.
        return CouldNotTell(error.message, hint=error.hint, reason="key-store-unreadable")
    return KeyHoldings(KEYS, dataset, keys)


@contextmanager
def opened(names: Iterable[str], config: Config) -> Iterator[dict[str, Store]]:
    """Open stores and close them again. Raises BackendError."""
    with ExitStack() as stack:
        stores: dict[str, Store] = {}
        for name in names:
            stores[name] = open_store(name, config)
            stack.callback(stores[name].close)
        yield stores
