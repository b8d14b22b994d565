"""A key wrapped anew where it lies: by another passphrase, by the keyring, or by nothing.

A slot holds its content twice, and one half is written when the other has become durable. So a
crash leaves a half that is whole, in the old wrapping or the new one, and the repetition takes
whichever it is. What was there is overwritten by what takes its place.
"""

from __future__ import annotations

from shredder.keystores.contract import KeyRecord
from shredder.keystores.errors import WrongPassphrase
from shredder.keystores.slot import Content
from shredder.keystores.whose import key_of


def opened(content: Content, record: KeyRecord, old: bytes | None, new: bytes | None) -> bytearray:
    """The key, by the old secret, or by the new passphrase if a crash came between.

    Raises WrongPassphrase, StoreDamaged.
    """
    try:
        return key_of(content, record, old)
    except WrongPassphrase as error:
        try:
            return key_of(content, record, new)
        except WrongPassphrase:
            raise error from None
