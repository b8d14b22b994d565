"""A delimited file as a source of records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from backends.contract import SourceSpec
from backends.delimited import Rows
from backends.errors import SourceError
from backends.files.trees import Trees
from backends.fsops.reasons import reason_for


def open_rows(trees: Trees, spec: SourceSpec, encoding: str, delimiter: str) -> Rows:
    """Open a source; its locator is empty if it lies outside the roots. Raises SourceError."""
    place = Path(os.path.normpath(trees.base.absolute() / spec.path))
    where = f"store {trees.store}"

    def opener() -> BinaryIO:
        try:
            if not place.is_file():  # a FIFO would wait for a writer
                raise FileNotFoundError
            return place.open("rb")
        except OSError as error:
            raise SourceError(
                f"{where}: a source cannot be opened ({reason_for(error)})",
                hint="correct its path, relative to shredder.toml",
            ) from None

    keys = spec.keys if spec.sealed else None
    return Rows(opener, _locator(trees, place), where, encoding, delimiter, keys)


def _locator(trees: Trees, place: Path) -> str:
    for root in trees.roots:
        path = Path(os.path.normpath(root.path))
        if place.is_relative_to(path) and place != path:
            return root.locator(tuple(map(os.fsencode, place.relative_to(path).parts)))
    return ""
