"""The key store `file`: keys in fixed slots of one file, overwritten where they lie.

Order of writes, and what a crash between them leaves::

    create    record `making`      crash: the slot is free, or was written in part or whole; nobody
              keyring's item              was given the key, so the next create() destroys it,
              slot                        and the item if there is one
              record `live`        crash: the key lives
    destroy   record `destroying`  crash: the key is refused; destroy() repeated goes on
              slot overwritten     crash: the same; it is overwritten once more
              tombstone in slot    crash: the same
              keyring's item gone  crash: the same
              record `destroyed`   crash: that stands, and was read back

A record says that the keyring may have an item of the key before one is made, and no longer says so
only when it is gone and a living key is wrapped by something else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from backends.contract import Finding
from backends.fsops.ground import OBSTACLES
from shredder import clock
from shredder.keystores import slotfile
from shredder.keystores.contract import (
    KEY_BYTES,
    Declared,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyTraits,
    Wrapping,
)
from shredder.keystores.errors import (
    KeyringUnusable,
    NotErasable,
    StoreBusy,
    StoreDamaged,
    told,
)
from shredder.keystores.keyring import Keyring
from shredder.keystores.material import check_value, make_key, public_of, wipe, wrap
from shredder.keystores.probe import make_probe
from shredder.keystores.register import Registered, moment
from shredder.keystores.rewrap import opened
from shredder.keystores.slot import SLOT, Content, packed
from shredder.keystores.slotfile import CACHED, Slots
from shredder.keystores.whose import (
    alive,
    condition,
    content_of,
    free_slot,
    is_tombstone_of,
    key_of,
    lives,
    refuse_second,
    refuse_shut,
    refuse_unknown,
    slot_of,
    to_erase,
    tombstone_of,
    try_out,
)

_FILE = "the file of keys"
_LOOKED = ("key-slots", "sealed-probe")
_ABSENT = KeyFinding(Finding.ABSENT, _LOOKED)
_ITEM = "item"  # in a record's place: the keyring may have one of the key
_ITEM_BYTES, _NO_ITEM = "keyring-item-bytes", "keyring-item-not-found"
_ITEM_LEFT, _NO_KEYRING = "keyring-item-left", "keyring-unusable"


class FileKeyStore(Registered):
    """Keys in one file, and their records in a folder."""

    def __init__(
        self,
        path: Path,
        records: Path,
        *,
        passphrase: bytes | None,
        best_effort: bool = False,
        by_keyring: bool = False,
    ) -> None:
        """`by_keyring`: what wraps the keys that it makes; the passphrase opens those of before."""
        super().__init__(records)
        self._path = path
        self._passphrase = passphrase
        self._best_effort = best_effort
        self._by_keyring = by_keyring
        self._keyring = Keyring()

    @property
    def traits(self) -> KeyTraits:
        """What it can honestly claim."""
        return KeyTraits(
            kind="file",
            exportable=True,
            erased_in_place=not self._best_effort,
            wrappings=frozenset({Wrapping.NONE, Wrapping.PASSPHRASE, Wrapping.KEYRING}),
            strength_bits=128,
            entropy_bits=8 * KEY_BYTES,
            limitations=("key-in-memory", "key-store-copies"),
            overwrites=True,
        )

    # --- making ---

    def create(
        self, dataset: str, *, escrowed: Declared, backed_up: Declared, in_clear: Declared
    ) -> KeyRecord:
        """Make a dataset's key, durably."""
        with told(_FILE):
            fresh = self._make()
        with told(_FILE), self._open(exclusive=True) as slots:
            known = self._register.records()
            refuse_second(dataset, known)
            for record in known:
                if record.state is KeyState.MAKING and self._endable(record):
                    self._erase(slots, record)
            refuse_unknown(slots, known)
            number = free_slot(slots, known)
            limitations = self._ground(slots, fresh=fresh)
            place: dict[str, str | int] = {"slot": number, "blocks": slots.blocks(number)}
            key, key_id = make_key(), secrets.token_bytes(16)
            try:
                public, check = public_of(key), check_value(key, key_id)
                record = KeyRecord(
                    id=key_id.hex(),
                    dataset=dataset,
                    state=KeyState.MAKING,
                    public=public.hex(),
                    check=check.hex(),
                    wrapping=_wrapping(self._passphrase, by_keyring=self._by_keyring),
                    escrowed=escrowed,
                    backed_up=backed_up,
                    in_clear=in_clear,
                    probe=make_probe(public),
                    created=clock.now(after=max((each.created for each in known), default="")),
                    limitations=limitations,
                    place=place,
                )
                record, secret = self._begun(record, record.wrapping, self._passphrase)
                content = Content(key_id, check, public, None)
                wrapped = wrap(key, record.wrapping, secret, content.bound)
            finally:
                wipe(key)
            slots.write(number, replace(content, wrapped=wrapped))
            try_out(slots, record, secret)
            return self._register.put(replace(record, state=KeyState.LIVE))

    def _endable(self, record: KeyRecord) -> bool:
        """Whether what was begun can be ended: a key whose keyring is away is left to another day.

        Nobody was given it, and no key is to wait for its end.
        """
        if _ITEM not in record.place:
            return True
        try:
            self._keyring.removable(record.id)
        except KeyringUnusable:
            return False
        return True

    def _begun(
        self, record: KeyRecord, wrapping: Wrapping, passphrase: bytes | None
    ) -> tuple[KeyRecord, bytes | None]:
        """Put a record before its key is wrapped; returns it, and what the key is wrapped by."""
        if wrapping is not Wrapping.KEYRING:
            return self._register.put(record), passphrase
        self._keyring.require()  # one that is not there is no reason for a record
        told = tuple(dict.fromkeys((*record.limitations, _ITEM_BYTES)))
        place = {**record.place, _ITEM: "made"}
        record = self._register.put(replace(record, limitations=told, place=place))
        return record, self._keyring.make(record.id)

    def _ground(self, slots: Slots, *, fresh: bool) -> tuple[str, ...]:
        """Limitations of where the file lies. Raises NotErasable where they are not accepted."""
        ground = slots.ground()
        if ground.obstacles and not self._best_effort:
            if fresh:
                self._path.unlink()  # nothing was ever in it
            raise NotErasable(
                f"no key is made where it could not be erased: {' '.join(ground.obstacles)} "
                f"({ground.kind})",
                hint="have `file` in [keys] lead to a disk with ext4 or xfs, or accept it with "
                'erasure = "best-effort"',
            )
        return ground.codes

    # --- using ---

    @contextmanager
    def using(self, key: str) -> Iterator[bytearray]:
        """Give out a key's 32 bytes for as long as the context lasts."""
        self._register.record(key)
        with told(_FILE):
            slots = self._open()
        with slots:
            with told(_FILE):
                given = self._given(slots, self._register.record(key))
            try:
                yield given
            finally:
                wipe(given)

    def _given(self, slots: Slots, record: KeyRecord) -> bytearray:
        buried = any(is_tombstone_of(read, record) for _, read in slots.read_all())
        refuse_shut(record, self._register.records(), buried=buried)
        content = content_of(slots, record)
        return key_of(content, record, self._secret(content, record))

    def _secret(self, content: Content, record: KeyRecord) -> bytes | None:
        """What a key is wrapped by, as far as it is to be had. Raises KeyringUnusable."""
        if content.wrapped is None or content.wrapped.wrapping is not Wrapping.KEYRING:
            return self._passphrase
        secret = self._keyring.secret(record.id)
        if secret is None:
            raise StoreDamaged(
                f"the keyring does not hold what opens the key of {record.dataset}",
                hint="is it another user's keyring, or of another machine? nothing was altered",
            )
        return secret

    def rewrap(self, key: str, passphrase: bytes | None, *, by_keyring: bool = False) -> KeyRecord:
        """Wrap a living key by another passphrase, the keyring or nothing, where it lies.

        Repeatable. An item of the keyring is removed when the key is wrapped by something else.
        """
        wrapping = _wrapping(passphrase, by_keyring=by_keyring)
        self._register.record(key)
        with told(_FILE), self._open(exclusive=True) as slots:
            record = self._register.record(key)
            buried = any(is_tombstone_of(read, record) for _, read in slots.read_all())
            refuse_shut(record, self._register.records(), buried=buried)
            content = content_of(slots, record)
            given = opened(content, record, self._secret(content, record), passphrase)
            try:
                if wrapping is Wrapping.NONE:
                    # Said before it is so: a crash must not leave a bare key called wrapped.
                    record = replace(record, wrapping=wrapping)
                record, secret = self._begun(record, wrapping, passphrase)
                wrapped = wrap(given, wrapping, secret, content.bound)
            finally:
                wipe(given)
            blocks = str(record.place.get("blocks", ""))
            anew = replace(content, wrapped=wrapped)
            codes = slots.replace(slot_of(record), anew, blocks)
            try_out(slots, record, secret)
            limitations = tuple(dict.fromkeys((*record.limitations, *codes)))
            done = replace(record, wrapping=wrapping, limitations=limitations)
            return self._without_item(self._register.put(done))

    def _without_item(self, record: KeyRecord) -> KeyRecord:
        """Remove the keyring's item of a key that is wrapped by something else."""
        if _ITEM not in record.place or record.wrapping is Wrapping.KEYRING:
            return record
        self._keyring.remove(record.id)
        place = {name: each for name, each in record.place.items() if name != _ITEM}
        return self._register.put(replace(record, place=place))

    # --- destroying ---

    def destroy(self, key: str) -> KeyDestruction:
        """Destroy a key, durably."""
        self._register.record(key)
        with told(_FILE), self._open(exclusive=True) as slots:
            record = self._register.record(key)
            restored = record.state is KeyState.DESTROYED
            # Asked before anything is touched: a keyring that is not there leaves all as it is.
            item = _ITEM in record.place and self._keyring.removable(record.id)
            if restored and not item and not alive(slots, record):
                return KeyDestruction(record, before=True, in_place=_in_place(record))
            if record.state is not KeyState.MAKING and not to_erase(slots, record):
                raise StoreDamaged(
                    f"slot {slot_of(record)} of the key store does not hold the key of "
                    f"{record.dataset}: whether it is gone, nobody can tell",
                    hint="bring back the file that holds it, and destroy it there",
                )
            codes = ("key-restored",) if restored and alive(slots, record) else ()
            if record.wrapping is Wrapping.KEYRING and record.state is KeyState.LIVE and not item:
                codes = (_NO_ITEM,)
            record, erased = self._erase(slots, record, *codes)
            numbers = {"slots-overwritten": erased, "bytes-overwritten": erased * SLOT}
            return KeyDestruction(record, before=False, in_place=_in_place(record), numbers=numbers)

    def _erase(self, slots: Slots, record: KeyRecord, *codes: str) -> tuple[KeyRecord, int]:
        """Destroy one key; returns its record, and how many slots were overwritten."""
        numbers = to_erase(slots, record)
        found = [*record.limitations, *codes]
        # Said now, for after a crash nobody would know that it was put back.
        told = tuple(dict.fromkeys(found))
        record = self._register.put(replace(record, state=KeyState.DESTROYING, limitations=told))
        for number in sorted(numbers):
            found += slots.erase(number, str(record.place.get("blocks", "")))
            slots.write(number, tombstone_of(record))
        if _ITEM in record.place:
            self._keyring.remove(record.id)
        done = replace(
            record,
            state=KeyState.DESTROYED,
            destroyed=moment(record),
            limitations=tuple(dict.fromkeys(found)),
        )
        return self._register.put(done), len(numbers)

    def settle(self, key: str) -> KeyRecord:
        """Return the record: nothing waits here."""
        return self._register.record(key)

    def verify(self, key: str) -> KeyFinding:
        """Look for a destroyed key where it lay."""
        record = self._register.record(key)
        try:
            with told(_FILE), self._open() as slots:
                if record.state is not KeyState.DESTROYED or lives(slots, record):
                    return KeyFinding(Finding.RESIDUE, _LOOKED, "key-lives")
                data, direct = slots.medium(slot_of(record))
        except StoreBusy:
            return KeyFinding(Finding.INCONCLUSIVE, (), "key-in-use")
        except StoreDamaged:
            return KeyFinding(Finding.INCONCLUSIVE, (), "key-store-unreadable")
        # Every byte of a tombstone is known, so that there is no room for a key in it.
        if data != packed(tombstone_of(record)):
            return KeyFinding(Finding.INCONCLUSIVE, _LOOKED, "slot-damaged")
        if not direct:
            return KeyFinding(Finding.INCONCLUSIVE, _LOOKED, CACHED)
        return self._look_in_keyring(record) if _ITEM in record.place else _ABSENT

    def _look_in_keyring(self, record: KeyRecord) -> KeyFinding:
        """Look for the item of a key whose slot holds nothing of it."""
        try:
            held = self._keyring.holds(record.id)
        except KeyringUnusable:
            return KeyFinding(Finding.INCONCLUSIVE, _LOOKED, _NO_KEYRING)
        looked = (*_LOOKED, "keyring-items")
        return (
            KeyFinding(Finding.RESIDUE, looked, _ITEM_LEFT)
            if held
            else replace(_ABSENT, looked=looked)
        )

    def inspect(self, key: str) -> tuple[str, ...]:
        """Codes of what is wrong with a key now."""
        record = self._register.record(key)
        try:
            with told(_FILE), self._open() as slots:
                code = condition(slots, record) or self._condition_of_item(record)
        except StoreBusy:
            return ()  # whoever uses it would have been told
        except StoreDamaged:
            return ("key-store-unreadable",)
        return (code,) if code else ()

    def _condition_of_item(self, record: KeyRecord) -> str:
        """The code of what is wrong with what the keyring holds of a key; empty if nothing is."""
        if _ITEM not in record.place:
            return ""
        try:
            held = self._keyring.holds(record.id)
        except KeyringUnusable:
            return _NO_KEYRING
        wanted = record.state is KeyState.LIVE and record.wrapping is Wrapping.KEYRING
        return "" if held == wanted else _ITEM_LEFT if held else _NO_ITEM

    # --- the file ---

    def _open(self, *, exclusive: bool = False) -> Slots:
        try:
            return slotfile.open_slots(self._path, exclusive=exclusive)
        except FileNotFoundError:
            raise StoreDamaged(
                "the file of keys is not there: what became of keys in it, nobody can tell",
                hint="bring it back, or correct `file` in [keys]",
            ) from None

    def _make(self) -> bool:
        """Make the file, unless it is there or keys were in it; whether it was made."""
        known = self._register.records()
        if self._path.exists() or any(each.state is not KeyState.DESTROYED for each in known):
            return False
        try:
            slotfile.make(self._path)
        except FileExistsError:  # by another run, in between
            return False
        return True


def _wrapping(passphrase: bytes | None, *, by_keyring: bool) -> Wrapping:
    """What a key is to be wrapped by."""
    if by_keyring:
        return Wrapping.KEYRING
    return Wrapping.NONE if passphrase is None else Wrapping.PASSPHRASE


def _in_place(record: KeyRecord) -> bool:
    """Whether the blocks of a destroyed key are shown to be overwritten."""
    return OBSTACLES.isdisjoint(record.limitations)
