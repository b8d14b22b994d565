"""Opening the configured stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from backends.contract import Context, Store, Tell, untold
from shredder.config import Config
from shredder.registry import backend


def open_store(name: str, config: Config, tell: Tell = untold) -> Store:
    """Open one store, which tells how far it is with what takes long. Raises BackendError."""
    store = config.stores[name]
    context = Context(base=config.base, state=config.state, tell=tell)
    return backend(store.backend).open(name, store.settings, context)


@contextmanager
def opened(names: Iterable[str], config: Config) -> Iterator[dict[str, Store]]:
    """Open stores and close them again. Raises BackendError."""
    with ExitStack() as stack:
        stores: dict[str, Store] = {}
        for name in names:
            stores[name] = open_store(name, config)
            stack.callback(stores[name].close)
        yield stores
