"""A key wrapped anew where it lies: under another passphrase, or under none.

A slot holds its content twice, and one half is written when the other has become durable. So a
crash leaves a half that is whole, under the old passphrase or the new one, and the repetition takes
whichever it is. What was there is overwritten by what takes its place.
"""

from __future__ import annotations

from dataclasses import replace

from shredder.keystores.contract import KeyRecord
from shredder.keystores.errors import StoreDamaged, WrongPassphrase
from shredder.keystores.material import unwrap, wipe, wrap
from shredder.keystores.probe import opens
from shredder.keystores.slot import Content, packed
from shredder.keystores.slotfile import Slots
from shredder.keystores.whose import content_of, is_key_of, slot_of


def rewrap(
    slots: Slots, record: KeyRecord, old: bytes | None, new: bytes | None
) -> tuple[str, ...]:
    """Wrap a key anew; returns why what was there may not have been overwritten.

    Raises WrongPassphrase, StoreDamaged.
    """
    content = content_of(slots, record)
    key = _opened(content, old, new)
    try:
        if not is_key_of(key, record):
            raise StoreDamaged(
                f"slot {slot_of(record)} of the key store does not hold the key of "
                f"{record.dataset} that its record tells of",
                hint="bring back the key store and the state directory of one and the same time",
            )
        content = replace(content, wrapped=wrap(key, new, content.bound))
    finally:
        wipe(key)
    blocks = str(record.place.get("blocks", ""))
    codes = slots.replace(slot_of(record), packed(content), blocks)
    _try_out(slots, record, new)
    return codes


def _opened(content: Content, old: bytes | None, new: bytes | None) -> bytearray:
    """The key, by the old passphrase, or by the new one if a crash came between."""
    assert content.wrapped is not None
    try:
        return unwrap(content.wrapped, old, content.bound)
    except WrongPassphrase as error:
        try:
            return unwrap(content.wrapped, new, content.bound)
        except WrongPassphrase:
            raise error from None


def _try_out(slots: Slots, record: KeyRecord, passphrase: bytes | None) -> None:
    content = content_of(slots, record)
    assert content.wrapped is not None
    key = unwrap(content.wrapped, passphrase, content.bound)
    try:
        if not opens(record.probe, key):
            raise StoreDamaged("the key that was wrapped anew does not open what is sealed to it")
    finally:
        wipe(key)
