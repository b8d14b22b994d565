"""Containers that nothing opens, by their first bytes."""

from __future__ import annotations

import re

# Bytes of these are looked at as they are, which finds little: compressed, columnar or binary.
_NOT_OPENED = (
    b"Rar!\x1a\x07",
    b"MSCF\x00\x00\x00\x00",
    b"\x02\x21\x4c\x18",  # lz4, legacy
    b"\x5d\x00\x00",  # lzma alone
    b"LZIP\x01",
    b"\x89LZO",
    b"\xff\x06\x00\x00sNaPpY",
    b"\x1f\x9d",  # compress
    b"\x1f\xa0",
    b"PK\x05\x06",  # an empty zip, or the end of one
    b"PK\x07\x08",  # a spanned zip
    b"Obj\x01",  # Avro
    b"ARROW1\x00\x00",
    b"\x89HDF\r\n\x1a\n",
    b"SQLite format 3\x00",
    b"$FL2@(#)",  # SPSS
    b"$FL3@(#)",
    b"hsqs",  # squashfs
    b"QFI\xfb",  # qcow
    b"KDMV",  # vmdk
    b"PACK\x00\x00\x00",  # git
)

# Names that a text may begin with, too: they count only where a control character follows.
_NOT_OPENED_BINARY = (b"PAR1", b"PARE", b"ORC", b"FEA1")
_CONTROL = re.compile(rb"[\x00-\x08]")

_ENCRYPTED = (
    b"age-encryption.org/",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    b"\x48\x40\x0b\x10\x3b\xf5",  # sealed values
    b"-----BEGIN PGP MESSAGE-----",
    b"Salted__",  # openssl enc
    b"$ANSIBLE_VAULT;",
    b"LUKS\xba\xbe",
    b"\x00GITCRYPT",
    b"\x03\xd9\xa2\x9a",  # KeePass
    b"SQLCipher",
)

# OpenPGP: public-key (tag 1, version 3) and symmetric-key (tag 3, versions 4 to 6) encrypted
# session keys, RFC 9580 sections 4.2 and 5.1: the header's length bytes lie between.
_OPENPGP = (
    (b"\x84", 2, b"\x03"),
    (b"\x85", 3, b"\x03"),
    (b"\xc1", 2, b"\x03"),
    (b"\xc1", 3, b"\x03"),
    (b"\x8c", 2, b"\x04"),
    (b"\x8c", 2, b"\x05"),
    (b"\xc3", 2, b"\x04"),
    (b"\xc3", 2, b"\x05"),
    (b"\xc3", 2, b"\x06"),
)


def why_unopened(head: bytes) -> str:
    """Return the reason why a container that begins so cannot be opened; empty: it is none."""
    if head.startswith(_ENCRYPTED) or any(
        head.startswith(tag) and head[at : at + 1] == version for tag, at, version in _OPENPGP
    ):
        return "encrypted"
    if _is_encrypted_rar(head):
        return "encrypted"
    # Skippable frames of zstd and lz4 have one of sixteen first bytes.
    skippable = head[1:4] == b"\x2a\x4d\x18" and head[:1] >= b"\x50" and head[:1] <= b"\x5f"
    binary = head.startswith(_NOT_OPENED_BINARY) and _CONTROL.search(head) is not None
    if skippable or binary or head.startswith(_NOT_OPENED):
        return "container-not-opened"
    return ""


_RAR4, _RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"


def _is_encrypted_rar(head: bytes) -> bool:
    """Whether a RAR archive's headers are encrypted, or the first file's content is."""
    if head.startswith(_RAR4):
        return _is_encrypted_rar4(head)
    if not head.startswith(_RAR5):
        return False
    at = len(_RAR5)
    for _ in range(2):  # the archive's header, a file's
        size, begin = _varying(head, at + 4)
        kind, after = _varying(head, begin)
        if kind == 4:  # a header that says how the others are encrypted
            return True
        flags, after = _varying(head, after)
        extra, after = _varying(head, after) if flags & 1 else (0, after)
        at = begin + size
        if kind == 2 and extra:
            return _has_record(head, at - extra, at, 1)
    return False


def _is_encrypted_rar4(head: bytes) -> bool:
    at = len(_RAR4)
    for kind, flag in ((0x73, 0x80), (0x74, 0x04)):
        block = head[at : at + 7]
        if len(block) < 7 or block[2] != kind:
            return False
        if int.from_bytes(block[3:5], "little") & flag:
            return True
        at += int.from_bytes(block[5:7], "little")
    return False


def _has_record(head: bytes, at: int, end: int, kind: int) -> bool:
    while at < min(end, len(head)):
        size, begin = _varying(head, at)
        if _varying(head, begin)[0] == kind:
            return True
        at = begin + size
    return False


def _varying(head: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the least first, and where it ends."""
    value = 0
    for place, byte in enumerate(head[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return value, at + 10
