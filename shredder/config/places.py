"""Where stores of files lie: not in one another, and not round the state directory or the keys."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path

from shredder.config.model import Config


def clash(config: Config) -> tuple[str, str, str] | None:
    """The first store whose roots cannot be as they are: its name, what is wrong, a hint.

    A file below the roots of two stores would be planned twice, once perhaps as a mixed holding
    that can be rewritten and once as one that cannot. The state directory is no store, and a
    root round it could never be examined in full.
    """
    roots = [
        (store.name, Path(os.path.realpath(config.base / str(root))))
        for store in config.stores.values()
        for root in _roots(store.settings.get("roots"))
    ]
    state = Path(os.path.realpath(config.state))
    keys = Path(os.path.realpath(config.keys.file or config.state))
    for name, root in roots:
        if keys != state and keys.is_relative_to(root):
            hint = "set `file` in [keys] to a place outside: it is no holding of any store"
            return name, "has the file of keys below it", hint
        if state.is_relative_to(root):
            hint = "set `state` to a directory outside, or name the folders below as roots"
            return name, "has the state directory below it", hint
    for (name, root), (other, inner) in permutations(roots, 2):
        if inner.is_relative_to(root):
            what = f"overlaps a root of {other}" if name != other else "has a root in another"
            return name, what, "a file is examined by one store: name each folder once"
    return None


def _roots(value: object) -> list[object]:
    return value if isinstance(value, list) else []
