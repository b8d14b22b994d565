"""A key wrapped anew where it lies: under another passphrase, or under none.

A slot holds its content twice, and one half is written when the other has become durable. So a
crash leaves a half that is whole, under the old passphrase or the new one, and the repetition takes
whichever it is. What was there is overwritten by what takes its place.
"""

from __future__ import annotations

from dataclasses import replace

from shredder.keystores.contract import KeyRecord
from shredder.keystores.errors import WrongPassphrase
from shredder.keystores.material import wipe, wrap
from shredder.keystores.slot import Content
from shredder.keystores.whose import key_of


def rewrapped(content: Content, record: KeyRecord, old: bytes | None, new: bytes | None) -> Content:
    """What is to take the place of a slot's content. Raises WrongPassphrase, StoreDamaged."""
    key = _opened(content, record, old, new)
    try:
        return replace(content, wrapped=wrap(key, new, content.bound))
    finally:
        wipe(key)


def _opened(content: Content, record: KeyRecord, old: bytes | None, new: bytes | None) -> bytearray:
    """The key, by the old passphrase, or by the new one if a crash came between."""
    try:
        return key_of(content, record, old)
    except WrongPassphrase as error:
        try:
            return key_of(content, record, new)
        except WrongPassphrase:
            raise error from None
