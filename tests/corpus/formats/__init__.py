"""Formats that copies come in, written by other means than shredder reads them with.

A format is a function from a random generator and a table to a text, which then gets an encoding,
or to bytes. The generator decides what the format leaves open.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.corpus.formats import (
    binary,
    columnar,
    database,
    delimited,
    jsons,
    lines,
    mail,
    markup,
    office,
    pdf,
    vim,
)
from tests.corpus.tables import Table

Writer = Callable[[random.Random, Table], str | bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file is written, and what may be asked of who reads it."""

    name: str
    write: Writer
    exact: bool = False  # each record is a record of the format: they can be counted
    binary_numbers: bool = False  # numbers stand in binary, and no published format says where
    lossy: bool = False  # what was deleted is left in part: what is there has to be looked for


_EXACT: Mapping[str, Writer] = {
    "csv": delimited.csv_plain,
    "csv-semicolon": delimited.csv_semicolon,
    "csv-quoted-crlf": delimited.csv_quoted,
    "csv-pipe": delimited.csv_pipe,
    "tsv": delimited.tsv,
    "jsonl": jsons.lines,
    "parquet": columnar.parquet,
    "parquet-arrow": columnar.parquet_arrow,
    "arrow-file": columnar.arrow_file,
    "arrow-stream": columnar.arrow_stream,
    "avro": columnar.avro,
    "orc": columnar.orc,
    "xlsx": office.xlsx,
    "xlsx-second-sheet": office.xlsx_second_sheet,
    "xls": office.xls,
    "ods": office.ods,
    "npy": binary.npy,
    "sqlite": database.sqlite,
    "sqlite-wal": database.sqlite_wal,
}
_INEXACT: Mapping[str, Writer] = {
    "fixed-width": delimited.fixed_width,
    "json-array": jsons.array,
    "json-one-line": jsons.one_line,
    "json-nested": jsons.nested,
    "xml": markup.xml,
    "xml-one-line": markup.xml_one_line,
    "html": markup.html,
    "markdown": markup.markdown,
    "sql-inserts": database.inserts,
    "sql-one-insert": database.one_insert,
    "pg-dump-plain": database.pg_dump_plain,
    "yaml": lines.yaml,
    "ini": lines.ini,
    "log": lines.log,
    "urlencoded": lines.urlencoded,
    "python-repr": lines.python_repr,
    "prose": lines.prose,
    "pickle-tuples": binary.pickle_tuples,
    "pickle-dicts": binary.pickle_dicts,
    "nul-separated": binary.nul_separated,
    "mbox": mail.mbox,
    "eml-attachment": mail.eml_attachment,
    "pdf": pdf.pdf,
    "vim-swap": vim.swap,
}
_OPAQUE: Mapping[str, Writer] = {
    "struct": binary.struct_records,
}
_DELETED: Mapping[str, Writer] = {
    "sqlite-dropped": database.sqlite_dropped,
    "sqlite-deleted": database.sqlite_deleted,
}

FORMATS: Mapping[str, Format] = {
    **{name: Format(name, write, exact=True) for name, write in _EXACT.items()},
    **{name: Format(name, write) for name, write in _INEXACT.items()},
    **{name: Format(name, write, binary_numbers=True) for name, write in _OPAQUE.items()},
    **{name: Format(name, write, lossy=True) for name, write in _DELETED.items()},
}
