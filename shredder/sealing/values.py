"""Values sealed to a dataset, for a program that keeps them: its key, for as long as it works.

::

    with values_of("survey-2018-05") as values:
        sealed = values.seal("jane@example.org", Cell("answers", "email", "7"))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.sealedvalue import Cell, Values
from shredder.config import Config, find, load
from shredder.sealing.keys import key_store, living_record
from shredder.sealing.records import RecordKeys
from shredder.state import State

__all__ = ["Cell", "Values", "values_by", "values_of"]


@contextmanager
def values_of(dataset: str, config: Path | None = None) -> Iterator[Values]:
    """Seal and open a dataset's values for as long as the context lasts. Raises ShredderError.

    `config` is the ``shredder.toml``; else it is looked for as the commands do. As long as it lasts
    nobody destroys the key: no program goes on with a key that is called destroyed.
    """
    loaded = load(find(config))
    with values_by(loaded, State.open(loaded.state), dataset) as values:
        yield values


@contextmanager
def values_by(
    config: Config, state: State, dataset: str, *, under_records: bool = False
) -> Iterator[Values]:
    """The same, for who has read the configuration. Raises KeyStoreError.

    `under_records`: NoKey where the dataset's records have no keys of their own.
    """
    store = key_store(config, state)
    record = living_record(store, dataset)
    keys = RecordKeys(store, state.key_trees, record)
    with store.using(record.id) as key:
        tree = keys.required_tree(key) if under_records else keys.tree(key)
        with Values(key, tree) as values:
            yield values
