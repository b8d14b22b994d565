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
from shredder.config import find, load
from shredder.sealing.keys import key_store, keys_of, living_record
from shredder.sealing.records import RecordKeys
from shredder.state import State

__all__ = ["Cell", "Values", "values_of"]


@contextmanager
def values_of(dataset: str, config: Path | None = None) -> Iterator[Values]:
    """Seal and open a dataset's values for as long as the context lasts. Raises ShredderError.

    `config` is the ``shredder.toml``; else it is looked for as the commands do. As long as it lasts
    nobody destroys the key: no program goes on with a key that is called destroyed.
    """
    loaded = load(find(config))
    state = State.open(loaded.state)
    store = key_store(loaded, state)
    record = living_record(store, dataset)
    with keys_of(store, dataset) as key:
        tree = RecordKeys(store, state.key_trees, record).tree(key)
        with Values(key, tree) as values:
            yield values
