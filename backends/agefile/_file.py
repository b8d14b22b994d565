"""Whole files: a header, a nonce, and the payload in chunks of 64 KiB (STREAM)."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Sequence
from io import BufferedIOBase

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from backends.agefile import _header, _x25519
from backends.agefile._armor import BEGIN, Dearmored, is_armored
from backends.agefile._errors import AgeError, Damaged, NoMatch

_CHUNK = 1 << 16
_TAG = 16
_NONCE = 16


def is_age(head: bytes) -> bool:
    """Whether a file that begins so is an age file, by its first line."""
    return head.startswith((_header.VERSION[:-3], BEGIN))


def fits(head: bytes, keys: Sequence[bytes | bytearray]) -> bool:
    """Whether one of the keys opens a file that begins so: its header must be in sight, whole."""
    if not keys:
        return False
    try:
        header = _header.read(_binary(io.BufferedReader(io.BytesIO(head))))
        header.check(_file_key(header, keys))
    except AgeError:
        return False
    return True


def recipients(head: bytes) -> int:
    """How many a file is sealed to; its header must be in sight, whole. 0: that is not known."""
    try:
        return len(_header.read(_binary(io.BufferedReader(io.BytesIO(head)))).stanzas)
    except AgeError:
        return 0


def encrypted(source: BufferedIOBase, recipient: bytes) -> Iterator[bytes]:
    """Encrypt a stream for the holder of an X25519 private key; only its public half is needed."""
    file_key, nonce = secrets.token_bytes(_x25519.FILE_KEY), secrets.token_bytes(_NONCE)
    yield _header.packed(_x25519.wrap(file_key, recipient), file_key) + nonce
    cipher = _payload(file_key, nonce)
    for number, chunk, last in _chunks(source, _CHUNK):
        yield cipher.encrypt(_counter(number, last=last), chunk, None)


def decrypted(source: io.BufferedReader, keys: Sequence[bytes | bytearray]) -> Iterator[bytes]:
    """Decrypt a stream by whichever of the private keys fits. Raises NotAge, NoMatch, Damaged.

    What was given out before an error is authentic, and not all there was.
    """
    source = _binary(source)
    header = _header.read(source)
    file_key = _file_key(header, keys)
    header.check(file_key)
    nonce = source.read(_NONCE)
    if len(nonce) != _NONCE:
        raise Damaged("it is cut short")
    cipher = _payload(file_key, nonce)
    for number, chunk, last in _chunks(source, _CHUNK + _TAG):
        try:
            data = cipher.decrypt(_counter(number, last=last), chunk, None)
        except InvalidTag:
            raise Damaged("it was altered or cut short") from None
        if not data and number:
            raise Damaged("its last chunk is empty")
        yield data


def _binary(source: io.BufferedReader) -> io.BufferedReader:
    """The same without its armor, if it has one."""
    return io.BufferedReader(Dearmored(source), _CHUNK) if is_armored(source.peek()) else source


def _file_key(header: _header.Header, keys: Sequence[bytes | bytearray]) -> bytes:
    for key in keys:
        found = [_x25519.unwrap(stanza, key) for stanza in header.stanzas]
        for file_key in found:
            if file_key is not None:
                return file_key
    raise NoMatch("it is for other recipients")


def _payload(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_header.derived(file_key, nonce, b"payload"))


def _counter(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _chunks(source: BufferedIOBase, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Chunks with their numbers, and whether each is the last; at the least one."""
    number, chunk = 0, _filled(source, size)
    while True:
        following = _filled(source, size) if len(chunk) == size else b""
        yield number, chunk, not following
        if not following:
            return
        number, chunk = number + 1, following


def _filled(source: BufferedIOBase, size: int) -> bytes:
    """So many bytes, fewer only at the end."""
    data = source.read(size)
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data
