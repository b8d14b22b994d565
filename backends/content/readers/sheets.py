"""Excel's binary workbooks (xls, xlsb), by calamine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import python_calamine

from backends.content import Stop
from backends.content.apart import Found, Names
from backends.content.readers.values import AFTER, block, row

_ROWS = 1000  # at once


def workbook(file: BinaryIO) -> Iterator[Found]:
    """Read a workbook sheet by sheet, each with its name before it."""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(file)
    except python_calamine.PasswordError:
        raise Stop("encrypted") from None
    for name in book.sheet_names:
        title = name.encode("utf-8", "replace") + AFTER
        yield Names(title, (len(title),))
        rows: list[bytes] = []
        others: list[Found] = []
        for cells in book.get_sheet_by_name(name).iter_rows():
            values = [cell for cell in cells if cell != ""]
            if values:
                rows.append(row(values, others))
            if len(rows) == _ROWS:
                yield block(rows)
                rows = []
        if rows:
            yield block(rows)
