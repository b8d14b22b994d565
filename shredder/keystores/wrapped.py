"""Keys that are wrapped by a key which its keeper never gives away: a token, a server, a service.

An age identity works with its key's bytes, and those of a key that cannot leave its keeper are not
to be had. So the keeper makes a wrapping key for each dataset's key, which encrypts that key inside
the keeper. What comes out lies in the record, and is worth nothing without the keeper. To destroy a
key is to have the keeper destroy its wrapping key. That it is gone is looked at, and what the
record held is tried once more; what the keeper overwrites, is its maker's word.

Order of writes, and what a crash between them leaves::

    create    record `making`      crash: nobody was given the key, the next create() destroys it
              the wrapping key
              record `live`        crash: the key lives
    destroy   record `destroying`  crash: the key is refused; destroy() repeated goes on
              the wrapping key gone
              record `destroyed`   without what the wrapping key had encrypted

Some keepers delete nothing at once. The record is `pending` then, without what the wrapping key had
encrypted, and says until when; it is `destroyed` when the keeper, asked again, has the key no more.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from backends.contract import Finding
from shredder import clock, durable
from shredder.keystores.contract import (
    KEY_BYTES,
    Declared,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyTraits,
)
from shredder.keystores.errors import KeyStoreError, StoreBusy, StoreDamaged, told
from shredder.keystores.keeper import Keeper, Kept, Presence
from shredder.keystores.material import check_value, make_key, public_of, wipe
from shredder.keystores.probe import make_probe, opens
from shredder.keystores.register import Registered, moment
from shredder.keystores.whose import is_key_of, refuse_second, refuse_shut
from shredder.plan.keyed import CANCELLED, WINDOW

_KEEPER, _WRAPPED = "keeper", "wrapped"  # in a record's place
_LOCK = "the folder of the records of keys"


class WrappedKeyStore(Registered):
    """Keys wrapped by a keeper's, and their records in a folder."""

    def __init__(self, keeper: Keeper, records: Path) -> None:
        super().__init__(records)
        self._keeper = keeper
        self._noun = keeper.traits.noun
        self._folder = records

    @property
    def traits(self) -> KeyTraits:
        """What it can honestly claim."""
        said = self._keeper.traits
        return KeyTraits(
            kind=said.kind,
            exportable=True,  # what is unwrapped is the process's
            erased_in_place=False,
            wrappings=frozenset({said.wrapping}),
            strength_bits=128,
            entropy_bits=8 * KEY_BYTES,
            limitations=("key-in-memory", "key-store-copies", *said.limitations),
            waits=said.waits,
        )

    # --- making ---

    def create(
        self, dataset: str, *, escrowed: Declared, backed_up: Declared, in_clear: Declared
    ) -> KeyRecord:
        """Make a dataset's key, durably."""
        with told(_LOCK):
            durable.make_private_directory(self._folder)
        with self._locked(fcntl.LOCK_EX):
            known = [self._ended(record, dataset) for record in self._register.records()]
            refuse_second(dataset, known)
            here = self._keeper.identity()  # one that is not there is no reason for a record
            for record in known:
                # What was begun with another keeper, or in a file, cannot be ended here.
                if record.state is KeyState.MAKING and record.place.get(_KEEPER) == here:
                    self._erase(record)
            said = self._keeper.traits
            key, key_id = make_key(), secrets.token_bytes(16)
            try:
                public = public_of(key)
                record = KeyRecord(
                    id=key_id.hex(),
                    dataset=dataset,
                    state=KeyState.MAKING,
                    public=public.hex(),
                    check=check_value(key, key_id).hex(),
                    wrapping=said.wrapping,
                    escrowed=escrowed,
                    backed_up=backed_up,
                    in_clear=in_clear,
                    probe=make_probe(public),
                    created=clock.now(after=max((each.created for each in known), default="")),
                    limitations=said.limitations,
                    place={_KEEPER: here, **self._keeper.where()},
                )
                self._register.put(record)
                wrapped = self._keeper.wrap(record, bytes(key))
            finally:
                wipe(key)
            place = {**record.place, **wrapped.place, _WRAPPED: wrapped.data.hex()}
            record = replace(record, place=place)
            wipe(self._unwrapped(record))
            return self._register.put(replace(record, state=KeyState.LIVE))

    def _ended(self, record: KeyRecord, dataset: str) -> KeyRecord:
        """A record of a dataset that is to have a new key; the wait for the old may be over."""
        if record.dataset != dataset or record.state is not KeyState.PENDING:
            return record
        self._require_keeper(record)
        return self._settled(record, self._keeper.holds(record))

    # --- using ---

    @contextmanager
    def using(self, key: str) -> Iterator[bytearray]:
        """Give out a key's 32 bytes for as long as the context lasts."""
        self._register.record(key)
        with self._locked(fcntl.LOCK_SH):
            record = self._register.record(key)
            refuse_shut(record, self._register.records())
            given = self._unwrapped(record)
            try:
                yield given
            finally:
                wipe(given)

    def _unwrapped(self, record: KeyRecord) -> bytearray:
        """The key, as it is had from what the record keeps. Raises StoreDamaged."""
        self._require_keeper(record)
        given = self._keeper.unwrap(record, _data_of(record))
        if given is None:
            raise StoreDamaged(
                f"the {self._noun} does not hold what opens the key of {record.dataset}",
                hint=f"bring back the state directory and the {self._noun} of one time",
            )
        if not is_key_of(given, record) or not opens(record.probe, given):
            wipe(given)
            raise StoreDamaged(
                f"what the {self._noun} opens is not the key of {record.dataset} that its record "
                "tells of",
                hint=f"bring back the state directory and the {self._noun} of one time",
            )
        return given

    def _require_keeper(self, record: KeyRecord) -> None:
        if self._keeper.identity() != record.place.get(_KEEPER):
            raise StoreDamaged(
                f"the key of {record.dataset} is another {self._noun}'s than the one that is there",
                hint=f"have [keys] lead to the {self._noun} that it was made with",
            )

    # --- destroying ---

    def destroy(self, key: str) -> KeyDestruction:
        """Destroy a key, durably."""
        self._register.record(key)
        with self._locked(fcntl.LOCK_EX):
            record = self._register.record(key)
            self._require_keeper(record)
            kept = self._keeper.holds(record)
            gone = kept.presence is Presence.GONE
            if record.state is KeyState.DESTROYED and gone:
                return KeyDestruction(record, before=True, in_place=False)
            if record.state is KeyState.PENDING and kept.presence is not Presence.HERE:
                return KeyDestruction(self._settled(record, kept), before=False, in_place=False)
            if record.state is KeyState.LIVE and gone:
                raise StoreDamaged(
                    f"the {self._noun} does not hold what opens the key of {record.dataset}: "
                    "whether it is gone, nobody can tell",
                    hint=f"was the {self._noun} put back to an earlier state, or its key deleted "
                    "by hand?",
                )
            record, keys = self._erase(record)
            numbers = {self._keeper.traits.counted: keys}
            return KeyDestruction(record, before=False, in_place=False, numbers=numbers)

    def _erase(self, record: KeyRecord) -> tuple[KeyRecord, int]:
        """Destroy one key; returns its record, and how many wrapping keys went."""
        found = (*_BACK.get(record.state, ()), *self._keeper.altered(record))
        told = tuple(dict.fromkeys((*record.limitations, *found)))
        record = self._register.put(replace(record, state=KeyState.DESTROYING, limitations=told))
        ended = self._keeper.destroy(record)
        if (left := self._keeper.unwrap(record, _data_of(record))) is not None:
            wipe(left)
            raise StoreDamaged(
                f"the {self._noun} still opens the key of {record.dataset}, which it was told to "
                "destroy",
                hint="repeat the command; what was begun goes on",
            )
        place = {name: said for name, said in record.place.items() if name != _WRAPPED}
        done = replace(record, place={**place, **ended.place})
        if ended.until:
            done = replace(done, state=KeyState.PENDING, until=ended.until)
        else:
            done = _destroyed(done)
        return self._register.put(done), ended.keys

    def settle(self, key: str) -> KeyRecord:
        """Call a pending key destroyed if its keeper has none of it any more."""
        self._register.record(key)
        with self._locked(fcntl.LOCK_EX):
            record = self._register.record(key)
            if record.state is not KeyState.PENDING:
                return record
            self._require_keeper(record)
            return self._settled(record, self._keeper.holds(record))

    def _settled(self, record: KeyRecord, kept: Kept) -> KeyRecord:
        """The record of a pending key, as it is by what its keeper has."""
        if kept.presence is Presence.GONE:
            return self._register.put(_destroyed(record))
        if kept.presence is Presence.GOING and kept.until != record.until:
            return self._register.put(replace(record, until=kept.until))
        return record

    def verify(self, key: str) -> KeyFinding:
        """Look for a destroyed key's wrapping key where it was kept."""
        record = self._register.record(key)
        try:
            with self._locked(fcntl.LOCK_SH):
                self._require_keeper(record)
                presence = self._keeper.holds(record).presence
        except StoreBusy:
            return KeyFinding(Finding.INCONCLUSIVE, (), "key-in-use")
        except KeyStoreError:
            return KeyFinding(Finding.INCONCLUSIVE, (), "key-store-unreadable")
        looked = self._keeper.traits.looked
        pending = record.state is KeyState.PENDING
        if presence is Presence.GONE and (pending or record.state is KeyState.DESTROYED):
            return KeyFinding(Finding.ABSENT, looked)
        reason = _NOT_GONE[presence] if pending else "key-lives"
        return KeyFinding(Finding.RESIDUE, looked, reason)

    def inspect(self, key: str) -> tuple[str, ...]:
        """Codes of what is wrong with a key now; to look at its keeper takes the keeper's leave."""
        record = self._register.record(key)
        if record.state in {KeyState.MAKING, KeyState.DESTROYING}:
            return ("key-unfinished",)
        try:
            with self._locked(fcntl.LOCK_SH):
                self._require_keeper(record)
                presence = self._keeper.holds(record).presence
                altered = self._keeper.altered(record)
        except StoreBusy:
            return ()  # whoever uses it would have been told
        except KeyStoreError:
            return ("key-store-unreadable",)
        if code := _WRONG.get((record.state, presence), ""):
            return (code,)
        return altered if record.state is KeyState.LIVE else ()

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Keep others from what may not be at the same time. Raises StoreBusy."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with told(_LOCK):
            descriptor = os.open(self._folder / "lock", flags, 0o600)
        try:
            with told(_LOCK):
                _lock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)


# What a record is told of that is to be destroyed once more.
_BACK: Final[Mapping[KeyState, tuple[str, ...]]] = {
    KeyState.DESTROYED: ("key-restored",),
    KeyState.PENDING: (CANCELLED,),
}
_NOT_GONE: Final[Mapping[Presence, str]] = {  # of a key that is pending
    Presence.HERE: CANCELLED,
    Presence.GOING: WINDOW,
}
_WRONG: Final[Mapping[tuple[KeyState, Presence], str]] = {
    (KeyState.LIVE, Presence.GOING): "key-deletion-begun",
    (KeyState.LIVE, Presence.GONE): "key-not-found",
    (KeyState.PENDING, Presence.HERE): CANCELLED,
    (KeyState.DESTROYED, Presence.HERE): "key-restored",
    (KeyState.DESTROYED, Presence.GOING): "key-restored",
}


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreBusy(
            "another run uses the key store", hint="wait for it; nothing was touched"
        ) from None


def _destroyed(record: KeyRecord) -> KeyRecord:
    return replace(record, state=KeyState.DESTROYED, destroyed=moment(record), until="")


def _data_of(record: KeyRecord) -> bytes:
    """What a record keeps of its key; nothing, if that is damaged or gone."""
    try:
        return bytes.fromhex(str(record.place.get(_WRAPPED, "")))
    except ValueError:
        return b""
