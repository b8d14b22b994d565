"""PDF (ISO 32000): the text of its pages, and the files attached to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from backends.content import Bounds, Member, Opaque, Opener, Part, Source, Stop

if TYPE_CHECKING:
    from pypdf import PdfReader

_LONGEST = 128 << 20  # bytes of a file: its objects are parsed in memory


class Pdf(Opener):
    """Opens a document page by page. What is only a picture of text is not read."""

    name = "pdf"
    needs = ("pypdf",)

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(b"%PDF-")

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield one text of all pages, then what is attached."""
        reader = _reader(source.seekable())
        if reader.is_encrypted and not reader.decrypt(""):
            yield Opaque("encrypted")
            return
        yield Member(Source(_pages(reader, bounds)))
        for attached in reader.attachment_list:
            bounds.member()
            yield Member(Source(iter([attached.content])))


PDF = Pdf()


def _reader(file: BinaryIO) -> PdfReader:
    from pypdf import PdfReader  # noqa: PLC0415 - an extra

    # What it says of a damaged file may hold what is in the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    if file.seek(0, 2) > _LONGEST:
        raise Stop("too-large-to-open")
    file.seek(0)
    return PdfReader(file)


def _pages(reader: PdfReader, bounds: Bounds) -> Iterator[bytes]:
    for page in reader.pages:
        bounds.member()
        yield page.extract_text().encode("utf-8", "replace") + b"\n\f\n"
