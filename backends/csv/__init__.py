"""The backend ``csv``: directory trees of delimited exports.

It has the settings of :mod:`backends.files`, and two more: ``encoding`` and ``delimiter``, where
they would otherwise be guessed. A delimited file, plain or gzipped, that holds records of
others as well is rewritten without the dataset's: every other byte stays as it was. All other
files in the tree are treated as ``files`` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Context, Setting, Store


class CsvBackend:
    """See :class:`backends.contract.Backend`."""

    settings: Mapping[str, Setting] = {
        "roots": Setting.TEXTS,
        "exclude": Setting.TEXTS,
        "cross_filesystems": Setting.FLAG,
        "neighbours": Setting.FLAG,
        "scrub": Setting.FLAG,
        "scrub_reserve": Setting.TEXT,
        "scrub_seconds": Setting.NUMBER,
        "encoding": Setting.TEXT,
        "delimiter": Setting.TEXT,
    }
    required: frozenset[str] = frozenset({"roots"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
        """Open a store on directory trees; the roots need not be reachable yet."""
        from backends.csv import _reader  # noqa: PLC0415 - numpy and clevercsv
        from backends.files import opening  # noqa: PLC0415

        reader = _reader.from_settings(name, settings)
        return opening.opened(name, settings, context, reader, reader.encoding, reader.delimiter)


BACKEND = CsvBackend()
