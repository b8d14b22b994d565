"""The key store `pkcs11`: each key wrapped by one that a token made and never gives away.

An age identity works with its key's bytes, and those of a token's key cannot be had. So the token
makes an AES key for each dataset's key, sensitive and not extractable, which encrypts that key
inside the token (AES-256-GCM). What comes out lies in the record, and is worth nothing without the
token. To destroy a key is to have the token destroy its AES key. That it is gone from the token is
looked at; what the token's maker overwrites, is the maker's word: `token-erase-not-shown`.

Order of writes, and what a crash between them leaves::

    create    record `making`      crash: nobody was given the key, the next create() destroys it
              the token's key
              record `live`        crash: the key lives
    destroy   record `destroying`  crash: the key is refused; destroy() repeated goes on
              the token's key gone
              record `destroyed`   without what the token's key had encrypted
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

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
    Wrapping,
)
from shredder.keystores.errors import KeyStoreError, StoreBusy, StoreDamaged
from shredder.keystores.material import check_value, make_key, public_of, wipe
from shredder.keystores.probe import make_probe, opens
from shredder.keystores.register import Register, moment
from shredder.keystores.tokens import Token, Wrapped
from shredder.keystores.whose import is_key_of, refuse_second, refuse_shut

_LIMITATION = "token-erase-not-shown"
_LOOKED = ("token-keys",)


class TokenKeyStore:
    """Keys wrapped by a token's, and their records in a folder."""

    def __init__(self, token: Token, records: Path) -> None:
        self._token = token
        self._folder = records
        self._register = Register(records)

    @property
    def traits(self) -> KeyTraits:
        """What it can honestly claim."""
        return KeyTraits(
            kind="pkcs11",
            exportable=True,  # what is unwrapped is the process's
            erased_in_place=False,
            wrappings=frozenset({Wrapping.TOKEN}),
            strength_bits=128,
            entropy_bits=8 * KEY_BYTES,
            limitations=("key-in-memory", "key-store-copies", _LIMITATION),
        )

    def records(self) -> Sequence[KeyRecord]:
        """What is known of every key, oldest first."""
        return self._register.records()

    def record(self, key: str) -> KeyRecord:
        """What is known of one key."""
        return self._register.record(key)

    # --- making ---

    def create(
        self, dataset: str, *, escrowed: Declared, backed_up: Declared, in_clear: Declared
    ) -> KeyRecord:
        """Make a dataset's key, durably."""
        durable.make_private_directory(self._folder)
        with self._locked(fcntl.LOCK_EX):
            known = self._register.records()
            refuse_second(dataset, known)
            serial = self._token.serial()  # a token that is not there is no reason for a record
            for record in known:
                # What was begun in another token, or in a file, cannot be ended here.
                if record.state is KeyState.MAKING and record.place.get("serial") == serial:
                    self._erase(record)
            key, key_id = make_key(), secrets.token_bytes(16)
            try:
                public = public_of(key)
                record = KeyRecord(
                    id=key_id.hex(),
                    dataset=dataset,
                    state=KeyState.MAKING,
                    public=public.hex(),
                    check=check_value(key, key_id).hex(),
                    wrapping=Wrapping.TOKEN,
                    escrowed=escrowed,
                    backed_up=backed_up,
                    in_clear=in_clear,
                    probe=make_probe(public),
                    created=clock.now(after=max((each.created for each in known), default="")),
                    limitations=(_LIMITATION,),
                    place={"serial": serial},
                )
                self._register.put(record)
                wrapped = self._token.wrap(key_id, bytes(key), _bound(record))
            finally:
                wipe(key)
            place = {"serial": serial, "nonce": wrapped.nonce.hex(), "wrapped": wrapped.data.hex()}
            record = replace(record, place=place)
            wipe(self._unwrapped(record))
            return self._register.put(replace(record, state=KeyState.LIVE))

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
        self._require_token(record)
        try:
            nonce, data = (bytes.fromhex(str(record.place[name])) for name in ("nonce", "wrapped"))
        except (KeyError, ValueError):
            nonce = data = b""
        wrapped = Wrapped(nonce, data)
        given = self._token.unwrap(bytes.fromhex(record.id), wrapped, _bound(record))
        if given is None:
            raise StoreDamaged(
                f"the token does not hold what opens the key of {record.dataset}",
                hint="bring back the state directory and the token of one and the same time",
            )
        if not is_key_of(given, record) or not opens(record.probe, given):
            wipe(given)
            raise StoreDamaged(
                f"what the token opens is not the key of {record.dataset} that its record tells of",
                hint="bring back the state directory and the token of one and the same time",
            )
        return given

    def _require_token(self, record: KeyRecord) -> None:
        if self._token.serial() != record.place.get("serial"):
            raise StoreDamaged(
                f"the key of {record.dataset} is another token's than the one that is there",
                hint="plug in the token that it was made with, or correct `label` in [keys]",
            )

    # --- destroying ---

    def destroy(self, key: str) -> KeyDestruction:
        """Destroy a key, durably."""
        self._register.record(key)
        with self._locked(fcntl.LOCK_EX):
            record = self._register.record(key)
            self._require_token(record)
            there = self._token.holds(bytes.fromhex(record.id))
            if record.state is KeyState.DESTROYED and not there:
                return KeyDestruction(record, before=True, in_place=False)
            if record.state is KeyState.LIVE and not there:
                raise StoreDamaged(
                    f"the token does not hold what opens the key of {record.dataset}: whether it "
                    "is gone, nobody can tell",
                    hint="was the token put back to an earlier state, or its key deleted by hand?",
                )
            record, gone = self._erase(record)
            numbers = {"token-keys-destroyed": gone}
            return KeyDestruction(record, before=False, in_place=False, numbers=numbers)

    def _erase(self, record: KeyRecord) -> tuple[KeyRecord, int]:
        """Destroy one key; returns its record, and how many of the token's went."""
        restored = ("key-restored",) if record.state is KeyState.DESTROYED else ()
        told = tuple(dict.fromkeys((*record.limitations, *restored)))
        record = self._register.put(replace(record, state=KeyState.DESTROYING, limitations=told))
        gone = self._token.destroy(bytes.fromhex(record.id))
        done = replace(
            record,
            state=KeyState.DESTROYED,
            destroyed=moment(record),
            place={"serial": record.place["serial"]},
        )
        return self._register.put(done), gone

    def verify(self, key: str) -> KeyFinding:
        """Look for a destroyed key in its token."""
        record = self._register.record(key)
        try:
            with self._locked(fcntl.LOCK_SH):
                self._require_token(record)
                there = self._token.holds(bytes.fromhex(record.id))
        except KeyStoreError:
            return KeyFinding(Finding.INCONCLUSIVE, (), "key-store-unreadable")
        if there or record.state is not KeyState.DESTROYED:
            return KeyFinding(Finding.RESIDUE, _LOOKED, "key-lives")
        return KeyFinding(Finding.ABSENT, _LOOKED)

    def inspect(self, key: str) -> tuple[str, ...]:
        """Codes of what is wrong with a key now; to look into the token takes its PIN."""
        record = self._register.record(key)
        if record.state in {KeyState.MAKING, KeyState.DESTROYING}:
            return ("key-unfinished",)
        try:
            with self._locked(fcntl.LOCK_SH):
                self._require_token(record)
                there = self._token.holds(bytes.fromhex(record.id))
        except StoreBusy:
            return ()  # whoever uses it would have been told
        except KeyStoreError:
            return ("key-store-unreadable",)
        if record.state is KeyState.DESTROYED:
            return ("key-restored",) if there else ()
        return () if there else ("key-not-found",)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Keep others from what may not be at the same time. Raises StoreBusy."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._folder / "lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(
                "another run uses the key store", hint="wait for it; nothing was touched"
            ) from None
        else:
            yield
        finally:
            os.close(descriptor)


def _bound(record: KeyRecord) -> bytes:
    """What a wrapped key is bound to, so that it counts in no other record."""
    parts = map(bytes.fromhex, (record.id, record.check, record.public))
    return b"".join((b"shredder token key v1\0", *parts))
