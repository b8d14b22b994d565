"""Mail: messages (RFC 5322) with their parts (MIME, RFC 2045 to 2047), and mboxes (RFC 4155)."""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import Message

from backends.content import CHUNK, HEAD, Bounds, Member, Opaque, Opener, Part, Source, Stop

_FROM = re.compile(rb"From \S[^\r\n]{0,200}\d{4}[^\r\n]{0,40}\r?\n")
_NEXT = re.compile(rb"\n(?=" + _FROM.pattern + rb"[!-9;-~]{1,70}:)")
_LONGEST_FROM = 512  # bytes that the pattern above may need
_HEADER = re.compile(
    rb"([!-9;-~]{1,70}):(?:[ \t][^\r\n]*)?(?:\r?\n|\Z)(?:[ \t]+[^\r\n]*(?:\r?\n|\Z))*"
)
_KNOWN = frozenset(
    b"bcc cc content-type date delivered-to from in-reply-to message-id mime-version received "
    b"reply-to return-path sender subject to x-mailer x-original-to".split()
)
_ENCRYPTED = frozenset(
    {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
_LONGEST_HEADER = 1 << 20
_BLOCK = 1 << 16


class Mbox(Opener):
    """Opens a file of messages, each behind a line that begins with ``From``."""

    name = "mbox"

    def recognises(self, head: bytes) -> bool:
        """Tell by the first such line, and by the header that follows."""
        found = _FROM.match(head)
        return found is not None and _HEADER.match(head, found.end()) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield one message after the other; there may be any number of them."""
        del bounds
        while source.peek(1):
            line = _FROM.match(source.peek(_LONGEST_FROM))
            if line:
                source.exactly(line.end())
            yield Member(Source(_message(source)))


class Eml(Opener):
    """Opens one message: its header, then each part that is not made of parts, decoded."""

    name = "eml"

    def recognises(self, head: bytes) -> bool:
        """Tell by two header fields that mail has, among nothing but header fields."""
        at, names = 0, set()
        while field := _HEADER.match(head, at):
            names.add(field[1].lower())
            at = field.end()
        blank = at and re.match(rb"\r?\n", head[at : at + 2])
        return len(names & _KNOWN) >= 2 and bool(blank or len(head) == HEAD)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the header as text, and the parts."""
        yield from _Message(source, bounds).parts(0)


MBOX, EML = Mbox(), Eml()


def _message(source: Source) -> Iterator[bytes]:
    """Yield the bytes of one message; the next one's line stays in `source`."""
    while data := source.peek(CHUNK):
        found = _NEXT.search(data)
        if found:
            yield source.exactly(found.end())
            return
        # The line may begin in these bytes, and go on in the next.
        keep = _LONGEST_FROM if len(data) == CHUNK else 0
        yield source.exactly(len(data) - keep)


class _Message:
    """A message that is read line by line."""

    def __init__(self, source: Source, bounds: Bounds) -> None:
        self._source = source
        self._bounds = bounds
        self._marks: list[bytes] = []  # the boundaries of the multiparts that are open

    def parts(self, depth: int) -> Iterator[Part]:
        """Yield what is in one entity, from its header up to the boundary that ends it."""
        if depth > self._bounds.limits.depth:
            raise Stop("bomb-limit")
        header = self._header()
        yield Member(Source(iter([b"\n", _shown(header)])))
        if header.get_content_type() in _ENCRYPTED:
            signed = header.get_param("smime-type") == "signed-data"
            yield Opaque("container-not-opened" if signed else "encrypted")
        kind = header.get_content_maintype()
        boundary = header.get_boundary()
        if kind != "multipart" or not boundary:
            yield Member(Source(self._body(header)))
            for _ in self._lines():
                pass  # what nobody asked for
            return
        mark = b"--" + boundary.encode("ascii", "replace")
        self._marks.append(mark)
        yield Member(Source(self._lines()))  # for readers without MIME
        while (line := self._line()).rstrip() == mark:
            yield from self.parts(depth + 1)
        self._marks.pop()
        if not line:
            yield Opaque("damaged-container")  # it breaks off before the boundary that ends it
        self._source.give_back(b"" if line.rstrip() == mark + b"--" else line)
        yield Member(Source(self._lines()))

    def _header(self) -> Message:
        lines, size = [], 0
        while (line := self._line()).strip(b"\r\n"):
            if self._is_mark(line):
                self._source.give_back(line)
                break
            lines.append(line)
            if (size := size + len(line)) > _LONGEST_HEADER:
                raise Stop("damaged-container")
        return message_from_bytes(b"".join(lines), policy=policy.compat32)

    def _body(self, header: Message) -> Iterator[bytes]:
        """Yield a part's content, decoded; a text's in UTF-8."""
        encoding = str(header.get("content-transfer-encoding", "")).strip().lower()
        lines = _blocks(self._lines())
        if encoding == "base64":
            chunks = _from_base64(lines)
        elif encoding == "quoted-printable":
            chunks = map(binascii.a2b_qp, lines)
        else:
            chunks = lines
        charset = header.get_content_charset("") if header.get_content_maintype() == "text" else ""
        yield from _in_utf8(chunks, charset)

    def _lines(self) -> Iterator[bytes]:
        """Yield lines up to the boundary of any multipart that is open."""
        while line := self._line():
            if self._is_mark(line):
                self._source.give_back(line)
                return
            yield line

    def _is_mark(self, line: bytes) -> bool:
        if not line.startswith(b"--"):
            return False
        line = line.rstrip()
        return any(line in {mark, mark + b"--"} for mark in self._marks)

    def _line(self) -> bytes:
        size = 1 << 10
        while (end := (data := self._source.peek(size)).find(b"\n")) < 0:
            if len(data) < size or size >= CHUNK:
                return self._source.exactly(len(data))
            size *= 4
        return self._source.exactly(end + 1)


def _shown(header: Message) -> bytes:
    """Return a header as text, with encoded words (RFC 2047) decoded, a field a line."""
    fields = []
    for name, value in header.items():
        plain = " ".join(str(value).split())
        if "=?" in plain:
            plain = str(policy.default.header_factory(name, plain))
        fields.append(f"{name}: {plain}\n")
    return "".join(fields).encode("utf-8", "replace") + b"\n"


def _blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    held, size = list[bytes](), 0
    for line in lines:
        held.append(line)
        if (size := size + len(line)) >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _from_base64(blocks: Iterator[bytes]) -> Iterator[bytes]:
    kept = b""
    for block in blocks:
        packed = kept + b"".join(block.split())
        whole = len(packed) // 4 * 4
        kept = packed[whole:]
        yield binascii.a2b_base64(packed[:whole])
    if kept:
        yield binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _in_utf8(chunks: Iterator[bytes], charset: str) -> Iterator[bytes]:
    try:
        codec = codecs.lookup(charset) if charset else None
        decoder = codec.incrementaldecoder("replace") if codec and codec._is_text_encoding else None  # noqa: SLF001
    except (LookupError, TypeError):
        decoder = None
    if decoder is None:
        yield from filter(None, chunks)
        return
    for chunk in chunks:
        if text := decoder.decode(chunk):
            yield text.encode("utf-8", "replace")
    if text := decoder.decode(b"", final=True):
        yield text.encode("utf-8", "replace")
