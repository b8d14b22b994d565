"""What programs call the copies that they make of a file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from urllib.parse import quote

# Of an editor's own making: what they hold is not always told by looking at it.
_LAST_SWAPS = "ponmlk"  # vim: .swp, and .swo while another one has that, …
_EXTENSIONS = ("bak", "old", "orig", "save", "sav", "prev", "tmp", "copy", "backup")
_SUFFIXES = (
    " (copy)",
    " - Copy",
    "_old",
    "_copy",
    "_bak",
    "_backup",
    "_orig",
    "-old",
    "-copy",
    "-bak",
)
_NUMBERS = range(1, 10)


def opaque(name: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the names, with their kind, of what editors keep beside a file for themselves.

    Undo files, swap files and locks have forms of their own, and can be encrypted or hold pieces.
    """
    yield b".%b.un~" % name, "editor-undo"  # vim
    yield b".~lock.%b#" % name, "editor-lock"  # LibreOffice
    yield b".%b.kate-swp" % name, "editor-swap"
    hidden = name if name.startswith(b".") else b"." + name
    for last in _LAST_SWAPS:
        yield b"%b.sw%b" % (hidden, last.encode()), "editor-swap"


def readable(name: bytes) -> Iterator[bytes]:
    """Yield the names of backups and earlier versions: each is a file like this one."""
    yield name + b"~"
    yield b"#%b#" % name
    stem, dot, extension = name.rpartition(b".")
    parted = (stem, dot + extension) if stem else (name, b"")
    for each in _EXTENSIONS:
        yield b"%b.%b" % (name, each.encode())
        if parted[1]:
            yield b"%b.%b" % (parted[0], each.encode())
    for each in _SUFFIXES:
        yield b"%b%b%b" % (parted[0], each.encode(), parted[1])
    yield b"Copy of " + name
    for number in _NUMBERS:
        yield b"%b.%d" % (name, number)
        yield b"%b.~%d~" % (name, number)
        yield b"%b (%d)%b" % (parted[0], number, parted[1])


def thumbnail(path: bytes) -> bytes:
    """Return the name of an absolute path's thumbnail.

    Of the Thumbnail Managing Standard (freedesktop.org): the MD5 of its URI. As GLib escapes it.
    """
    uri = "file://" + quote(path, safe="/!$&'()*+,-.:=@_~")
    return md5(uri.encode("ascii"), usedforsecurity=False).hexdigest().encode() + b".png"
