"""The header: text that carries the file key, wrapped for each recipient, and a MAC of itself."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from io import BufferedIOBase

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backends.agefile._base64 import decoded, encoded
from backends.agefile._errors import Damaged, NotAge

VERSION = b"age-encryption.org/v1\n"
_MOST = 1 << 20  # bytes of a header: some thousand recipients
_COLUMNS = 64
_ARGUMENTS = re.compile(rb"-> ([\x21-\x7e]+(?: [\x21-\x7e]+)*)\n")
_MARK = b"---"


@dataclass(frozen=True, slots=True)
class Stanza:
    """What one recipient is given."""

    arguments: tuple[bytes, ...]
    body: bytes

    def packed(self) -> bytes:
        """As text."""
        text = encoded(self.body)
        lines = [text[at : at + _COLUMNS] for at in range(0, len(text) + 1, _COLUMNS)]
        return b"-> " + b" ".join(self.arguments) + b"\n" + b"\n".join(lines) + b"\n"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the payload. `text` is what the MAC is of."""

    stanzas: tuple[Stanza, ...]
    text: bytes
    mac: bytes

    def check(self, file_key: bytes) -> None:
        """Raise Damaged unless it is what the holder of the file key wrote."""
        if not hmac.compare_digest(_mac(file_key, self.text), self.mac):
            raise Damaged("the header was altered")


def derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-SHA-256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _mac(file_key: bytes, text: bytes) -> bytes:
    return hmac.digest(derived(file_key, b"", b"header"), text, "sha256")


def packed(stanza: Stanza, file_key: bytes) -> bytes:
    """A header for one recipient."""
    text = VERSION + stanza.packed() + _MARK
    return text + b" " + encoded(_mac(file_key, text)) + b"\n"


def read(source: BufferedIOBase) -> Header:
    """Read a header; what follows it is not touched. Raises NotAge, Damaged."""
    lines = _Lines(source)
    if lines.next() != VERSION:
        raise NotAge("it is no age file of version 1")
    stanzas = []
    while not (line := lines.next()).startswith(_MARK):
        match = _ARGUMENTS.fullmatch(line)
        if not match:
            raise Damaged("the header has a line that does not belong there")
        stanzas.append(Stanza(tuple(match[1].split(b" ")), _body(lines)))
    if not stanzas or line[3:4] != b" " or line[-1:] != b"\n" or len(line) != 48:
        raise Damaged("the header does not end as it must")
    if len(stanzas) > 1 and any(stanza.arguments[0] == b"scrypt" for stanza in stanzas):
        raise Damaged("a passphrase stands beside other recipients")
    return Header(tuple(stanzas), lines.text[: -len(line)] + _MARK, decoded(line[4:-1]))


class _Lines:
    """Lines with their ends, and all of them together."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self.text = b""

    def next(self) -> bytes:
        line = self._source.readline(_MOST)
        self.text += line
        if len(self.text) > _MOST:
            raise Damaged("the header is too long")
        return line


def _body(lines: _Lines) -> bytes:
    """The lines of a body: full ones, and one that is shorter, at the least empty."""
    text = b""
    while True:
        line = lines.next()
        if not line.endswith(b"\n") or len(line) > _COLUMNS + 1:
            raise Damaged("the header has a line that does not belong there")
        text += line[:-1]
        if len(line) <= _COLUMNS:
            return decoded(text)
