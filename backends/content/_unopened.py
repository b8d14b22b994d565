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
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # OLE 2: xls, doc, msg
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
    # Skippable frames of zstd and lz4 have one of sixteen first bytes.
    skippable = head[1:4] == b"\x2a\x4d\x18" and head[:1] >= b"\x50" and head[:1] <= b"\x5f"
    binary = head.startswith(_NOT_OPENED_BINARY) and _CONTROL.search(head) is not None
    if skippable or binary or head.startswith(_NOT_OPENED):
        return "container-not-opened"
    return ""
