"""Which slot is whose: what a file of slots holds, held against the records of keys.

File and records can be of different times, for each can be restored without the other. What they do
not agree on is never guessed.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from shredder.keystores.contract import KEY_BYTES, KeyRecord, KeyState, Wrapping
from shredder.keystores.errors import KeyDestroyed, KeyExists, NoKey, StoreDamaged
from shredder.keystores.material import check_value, public_of, unwrap, wipe
from shredder.keystores.probe import opens
from shredder.keystores.slot import Content, Read
from shredder.keystores.slotfile import Slots

_SHUT = (KeyState.DESTROYING, KeyState.PENDING, KeyState.DESTROYED)


def slot_of(record: KeyRecord) -> int:
    """The number of the slot that a key was put into. Raises StoreDamaged."""
    number = record.place.get("slot")
    if not isinstance(number, int) or not 0 <= number < 1 << 32:
        raise StoreDamaged(
            f"the record {record.id} of a key names no slot",
            hint="take it from a backup of the state directory: it holds no secret",
        )
    return number


def alive(slots: Slots, record: KeyRecord) -> set[int]:
    """The slots that hold a key, wherever they are in the file."""
    return {number for number, read in slots.read_all() if _is_live(read, record)}


def _is_live(read: Read, record: KeyRecord) -> bool:
    content = read.content
    if content is None or content.wrapped is None:
        return False
    return record.id == content.id.hex() or record.public == content.public.hex()


def lives(slots: Slots, record: KeyRecord) -> bool:
    """Whether a slot is said to hold a key, or opens its probe, whatever is said of it."""
    return any(_is_live(read, record) or _opens(read, record) for _, read in slots.read_all())


def _opens(read: Read, record: KeyRecord) -> bool:
    """Whether a key that lies there unwrapped opens a key's probe.

    Who a wrapped one is, its wrapping binds: what `_is_live` reads cannot have been altered there.
    """
    wrapped = read.content.wrapped if read.content else None
    if wrapped is None or wrapped.wrapping is not Wrapping.NONE:
        return False
    return opens(record.probe, wrapped.data)


def to_erase(slots: Slots, record: KeyRecord) -> set[int]:
    """The slots to be overwritten so that a key is gone; none: it is not in this file.

    Its own counts also where nothing of it can be read, and after an overwriting that a crash
    broke off; free, only if the key may never have come there.
    """
    number = slot_of(record)
    read = slots.read(number)
    if read.content:
        own = read.content.id.hex() == record.id
    else:
        own = not read.free or record.state is KeyState.MAKING
    return alive(slots, record) | ({number} if own else set())


def tombstone_of(record: KeyRecord) -> Content:
    """What is put where a key was."""
    key_id, check, public = map(bytes.fromhex, (record.id, record.check, record.public))
    return Content(key_id, check, public, None)


def is_tombstone_of(read: Read, record: KeyRecord) -> bool:
    """Whether a slot says that a key was destroyed."""
    content = read.content
    return content is not None and not content.wrapped and record.id == content.id.hex()


def is_key_of(key: bytearray, record: KeyRecord) -> bool:
    """Whether bytes are the key that a record was made for."""
    if len(key) != KEY_BYTES or public_of(key).hex() != record.public:
        return False
    return hmac.compare_digest(check_value(key, bytes.fromhex(record.id)).hex(), record.check)


def content_of(slots: Slots, record: KeyRecord) -> Content:
    """What a key's own slot holds of it. Raises StoreDamaged."""
    number = slot_of(record)
    read = slots.read(number)
    if read.content and read.content.wrapped and read.content.id.hex() == record.id:
        return read.content
    unread = not read.content and not read.free
    what = "is damaged, in both its halves" if unread else "does not hold it"
    raise StoreDamaged(
        f"the key of {record.dataset} cannot be used: slot {number} of the key store {what}",
        hint="other keys are not touched by that; a copy of the file has it, if there is one",
    )


def key_of(content: Content, record: KeyRecord, secret: bytes | None) -> bytearray:
    """The key that lies in its slot. Raises WrongPassphrase, StoreDamaged."""
    assert content.wrapped is not None
    key = unwrap(content.wrapped, secret, content.bound)
    if not is_key_of(key, record):
        wipe(key)
        raise StoreDamaged(
            f"slot {slot_of(record)} of the key store does not hold the key of "
            f"{record.dataset} that its record tells of",
            hint="bring back the key store and the state directory of one and the same time",
        )
    return key


def try_out(slots: Slots, record: KeyRecord, secret: bytes | None) -> None:
    """Have a key, as it lies in its slot now, open its probe. Raises StoreDamaged."""
    key = key_of(content_of(slots, record), record, secret)
    try:
        if not opens(record.probe, key):
            raise StoreDamaged("the key that was written does not open what is sealed to it")
    finally:
        wipe(key)


def condition(slots: Slots, record: KeyRecord) -> str:
    """The code of what is wrong with a key as it lies; empty if nothing is."""
    if record.state is KeyState.DESTROYED:
        return "key-restored" if alive(slots, record) else ""
    if record.state is not KeyState.LIVE:
        return "key-unfinished"
    read = slots.read(slot_of(record))
    if is_tombstone_of(read, record):
        return "record-restored"
    if read.content is None:
        return "key-not-found" if read.free else "slot-damaged"
    if read.content.id.hex() != record.id:
        return "key-not-found"
    return "" if read.whole else "slot-half-damaged"


def refuse_second(dataset: str, known: Sequence[KeyRecord]) -> None:
    """Refuse a dataset a key while it has one. Raises KeyExists."""
    for record in known:
        if record.dataset == dataset and record.state is KeyState.LIVE:
            raise KeyExists(
                f"dataset {dataset} has a key",
                hint=f"see `shredder key show {dataset}`",
            )
        if record.dataset == dataset and record.state is KeyState.DESTROYING:
            raise KeyExists(
                f"the destruction of the key of {dataset} was begun and is not at its end",
                hint=f"bring it there: `shredder key destroy {dataset}`",
            )
        if record.dataset == dataset and record.state is KeyState.PENDING:
            raise KeyExists(
                f"the deletion of the key of {dataset} is pending until {record.until}",
                hint="when it is over: `shredder finalize`, then the command again",
            )


def refuse_shut(record: KeyRecord, known: Sequence[KeyRecord], *, buried: bool = False) -> None:
    """Refuse to give out a key that was never finished (NoKey), or has a tombstone (KeyDestroyed).

    `buried`: a tombstone lies where the key does.
    """
    if record.state is KeyState.MAKING:
        raise NoKey(
            f"the key of {record.dataset} was never finished",
            hint=f"make it anew: `shredder key create {record.dataset}`",
        )
    shut = {each.public for each in known if each.state in _SHUT}
    if buried or record.public in shut:
        raise KeyDestroyed(
            f"the key of {record.dataset} has a tombstone: it was destroyed, or that was begun",
            hint="what was sealed by it is not opened any more, wherever a copy comes from",
        )


def refuse_unknown(slots: Slots, known: Sequence[KeyRecord]) -> None:
    """Refuse to go on beside a key that no record tells of. Raises StoreDamaged."""
    ids = {record.id for record in known}
    for number, read in slots.read_all():
        if read.content and read.content.wrapped and read.content.id.hex() not in ids:
            raise StoreDamaged(
                f"slot {number} of the key store holds a key that no record tells of",
                hint="the state directory is older than the key store: bring the newer one back",
            )


def free_slot(slots: Slots, known: Sequence[KeyRecord]) -> int:
    """A slot that never held a key; the file grows if there is none."""
    taken = {slot_of(record) for record in known}
    while True:
        for number, read in slots.read_all():
            if read.free and number not in taken:
                return number
        slots.grow()
