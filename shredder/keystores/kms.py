"""A keeper of keys in AWS KMS: its wrapping keys, and how they end.

KMS deletes nothing at once. A key that it made waits for 7 to 30 days, in which it decrypts nothing
and its deletion can be cancelled; only then is it gone. A key whose material was imported can have
that deleted at once: it cannot come back but from a copy, of which none is made here; then the key
itself waits, too, but opens nothing. Of a key with replicas in other Regions all are to go, and the
primary's own wait begins only when the last replica is gone.
"""

from __future__ import annotations

import datetime as dt
import functools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shredder import clock
from shredder.keystores.contract import KeyRecord, KeyState, Wrapping
from shredder.keystores.errors import NotErasable, ServiceUnusable, StoreDamaged
from shredder.keystores.keeper import Ended, KeeperTraits, Kept, Presence, Wrapped
from shredder.keystores.kmsapi import (
    DISABLED,
    INVALID_STATE,
    NOT_BY_THIS_KEY,
    NOT_FOUND,
    Refused,
    Service,
    region_of,
)

# In a record's place.
_REGION, _ARN, _ALL, _PROBE, _MATERIAL = "region", "arn", "arns", "probe", "material"
_DELETED = "deleted"
_WAITING: Final = ("PendingDeletion", "PendingReplicaDeletion")
_REFUSALS: Final = (NOT_FOUND, INVALID_STATE, DISABLED, *NOT_BY_THIS_KEY)
_PAUSES: Final = (0.2, 0.5, 1, 2, 4)  # seconds: KMS is consistent in the end, mostly within some
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Making:
    """What new keys are to be: settings of the operator's."""

    imported: bool = False  # their material; else KMS makes it
    window_days: int = 30  # 7 to 30: API Reference, ScheduleKeyDeletion
    multi_region: bool = False  # can be replicated to other Regions


class Kms:
    """Keys of KMS in one account; see :class:`shredder.keystores.keeper.Keeper`."""

    def __init__(self, service: Service, making: Making) -> None:
        self._service = service
        self._making = making

    @property
    def traits(self) -> KeeperTraits:
        """What is said of it."""
        imported = self._making.imported
        return KeeperTraits(
            kind="aws-kms",
            noun="key service",
            wrapping=Wrapping.KMS,
            limitations=(
                "kms-erase-not-shown",
                *(("kms-material-was-imported",) if imported else ()),
            ),
            looked=("kms-keys",),
            counted="kms-keys-ended",
            waits=0 if imported else self._making.window_days,
        )

    def identity(self) -> str:
        """The account, whatever the Region: a record names that of its own key."""
        return self._service.account()

    def where(self) -> Mapping[str, str]:
        """The Region that a key is about to be made in."""
        return {_REGION: self._service.region}

    # --- making ---

    def wrap(self, record: KeyRecord, key: bytes) -> Wrapped:
        """Make a key in KMS, and encrypt by it."""
        origin = "EXTERNAL" if self._making.imported else "AWS_KMS"
        made = self._service.ask(
            "create_key",
            Description=_description(record),
            KeyUsage="ENCRYPT_DECRYPT",
            KeySpec="SYMMETRIC_DEFAULT",
            Origin=origin,
            MultiRegion=self._making.multi_region,
        )["KeyMetadata"]
        arn = str(made["Arn"])
        if made["Origin"] != origin or made["KeyManager"] != "CUSTOMER":
            raise NotErasable("AWS KMS made another key than it was told to")
        if origin == "EXTERNAL":
            self._import_material(arn)
        probe = self._encrypted(record, arn, secrets.token_bytes(_BYTES))
        return Wrapped(self._encrypted(record, arn, key), {_ARN: arn, _PROBE: probe.hex()})

    def _import_material(self, arn: str) -> None:
        """Give a key its material: random bytes, of which nobody keeps a copy."""
        given = self._service.ask(
            "get_parameters_for_import",
            KeyId=arn,
            WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_4096",
        )
        public = load_der_public_key(given["PublicKey"])
        if not isinstance(public, rsa.RSAPublicKey):
            raise ServiceUnusable("AWS KMS gives no RSA key to import under")
        oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
        self._service.ask(
            "import_key_material",
            KeyId=arn,
            ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=public.encrypt(secrets.token_bytes(_BYTES), oaep),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )

    def _encrypted(self, record: KeyRecord, arn: str, data: bytes) -> bytes:
        encrypt = functools.partial(
            self._service.ask,
            "encrypt",
            KeyId=arn,
            Plaintext=data,
            EncryptionContext=_context(record),
        )
        for pause in _PAUSES:
            try:
                return bytes(encrypt(codes=(NOT_FOUND, INVALID_STATE))["CiphertextBlob"])
            except Refused:
                time.sleep(pause)  # a key that was just made may not be known everywhere
        return bytes(encrypt()["CiphertextBlob"])

    # --- using ---

    def unwrap(self, record: KeyRecord, data: bytes) -> bytearray | None:
        """Decrypt; None: the key is not there, or did not encrypt this for this record."""
        arn = str(record.place.get(_ARN, ""))
        if not arn or not data:
            return None
        came = self._decrypted(record, arn, data)
        if isinstance(came, bytearray):
            return came
        if came == INVALID_STATE and record.state is KeyState.LIVE:
            raise ServiceUnusable(
                f"the key in AWS KMS that wraps that of {record.dataset} is in a state in which it "
                "does not decrypt: does it wait to be deleted?",
                hint="to go on deleting: `shredder destroy`; else `aws kms cancel-key-deletion`",
            )
        if came == DISABLED:
            raise ServiceUnusable(
                f"AWS KMS has the key that wraps that of {record.dataset} disabled",
                hint="enable it: `aws kms enable-key`",
            )
        return None

    def _decrypted(self, record: KeyRecord, arn: str, data: bytes) -> bytearray | str:
        """What was encrypted, or the code by which that is refused."""
        try:
            answer = self._service.ask(
                "decrypt",
                codes=_REFUSALS,
                KeyId=arn,
                CiphertextBlob=data,
                EncryptionContext=_context(record),
            )
        except Refused as refused:
            return refused.code
        return bytearray(answer["Plaintext"])

    def holds(self, record: KeyRecord) -> Kept:
        """How far a record's key is gone, with all of its replicas; it is tried, too."""
        found = self._found(record)
        opens = {arn: self._opens(record, arn) for arn in found}
        ends = [_gone_at(record, shown) for shown in found.values()]
        if any(opens.values()) or Presence.HERE in ends:
            return Kept(Presence.HERE)
        if any(shown and opens[arn] is None for arn, shown in found.items()):
            raise _untried(record)
        return Kept(Presence.GOING, _until(found.values())) if any(ends) else Kept(Presence.GONE)

    def _opens(self, record: KeyRecord, arn: str) -> bool | None:
        """Whether what was encrypted when the key was made can be decrypted.

        None: that cannot be tried, for want of what was encrypted, or because it is another's.
        """
        if _ARN not in record.place:
            return False  # a crash came before it had encrypted anything that was kept
        try:
            probe = bytes.fromhex(str(record.place.get(_PROBE, "")))
        except ValueError:
            probe = b""
        came = self._decrypted(record, arn, probe) if probe else ""
        if isinstance(came, bytearray):
            return True
        return None if not came or came in NOT_BY_THIS_KEY else False

    def _found(self, record: KeyRecord) -> dict[str, Mapping[str, Any] | None]:
        """By ARN, a record's key and its replicas as KMS shows them; None: it has none.

        Raises StoreDamaged where nobody can tell whether there are others.
        """
        arn = str(record.place.get(_ARN, ""))
        noted = str(record.place.get(_ALL, "")).split()
        found: dict[str, Mapping[str, Any] | None] = {}
        left = [arn, *noted] if arn else self._unrecorded(record)
        while left:
            each = left.pop()
            if each not in found:
                found[each] = shown = self._shown(each)
                left += _relatives(shown) if shown else []
        if arn and found[arn] is None and not noted and "/mrk-" in arn:
            raise StoreDamaged(
                f"the key of {record.dataset} had replicas or could have, and AWS KMS has it no "
                "more: whether they are gone, nobody can tell",
                hint="look for its id in the account's other Regions",
            )
        return found

    def _shown(self, arn: str) -> Mapping[str, Any] | None:
        try:
            shown: Mapping[str, Any] = self._service.ask(
                "describe_key", codes=(NOT_FOUND,), KeyId=arn
            )["KeyMetadata"]
        except Refused:
            return None
        return shown

    def _unrecorded(self, record: KeyRecord) -> list[str]:
        """The ARNs of keys that were made, and a crash left without a note.

        They are several where a request was repeated whose answer had been lost.
        """
        region = str(record.place.get(_REGION, ""))
        if not region:
            raise StoreDamaged(
                f"the record of the key of {record.dataset} names no Region: whether AWS KMS has "
                "a key of it, nobody can tell",
                hint="look for its id in the descriptions of the account's keys",
            )
        every = ((arn, self._shown(arn)) for arn in self._service.list_keys(region))
        wanted = _description(record)
        return [arn for arn, shown in every if shown and shown.get("Description") == wanted]

    # --- destroying ---

    def altered(self, record: KeyRecord) -> tuple[str, ...]:
        """None: nothing lets such a key's material out."""
        del record
        return ()

    def destroy(self, record: KeyRecord) -> Ended:
        """Have KMS end a record's key, replicas first; what is begun already is taken as it is."""
        there = {arn: shown for arn, shown in self._found(record).items() if shown}
        for arn in sorted(there, key=lambda each: _is_primary(there[each])):
            self._end(arn, there[arn])
        for arn in there:
            self._wait_until_shut(record, arn)
        ended = [self._ended(arn) for arn in there]
        place = {_ALL: " ".join(sorted(there))} if there else {}
        if there and all(shown["Origin"] == "EXTERNAL" for shown in there.values()):
            return Ended(len(there), place={**place, _MATERIAL: _DELETED})
        return Ended(len(there), _until(ended), place)

    def _end(self, arn: str, shown: Mapping[str, Any]) -> None:
        if shown["Origin"] == "EXTERNAL" and shown["KeyState"] != "PendingImport":
            self._service.ask("delete_imported_key_material", KeyId=arn)
        if shown["KeyState"] in _WAITING:
            return
        try:
            self._service.ask(
                "schedule_key_deletion",
                codes=(INVALID_STATE,),
                KeyId=arn,
                PendingWindowInDays=self._making.window_days,
            )
        except Refused:
            # Somebody else may have been faster, and nothing but that is taken for it.
            now = self._shown(arn)
            if now is not None and now["KeyState"] not in _WAITING:
                raise ServiceUnusable(
                    f"AWS KMS does not take a key in the state {now['KeyState']} for deletion",
                    hint="see `aws kms describe-key`; repeat the command",
                ) from None

    def _wait_until_shut(self, record: KeyRecord, arn: str) -> None:
        """See that a key decrypts nothing any more."""
        for pause in (*_PAUSES, 0):
            opens = self._opens(record, arn)
            if opens is None:
                raise _untried(record)
            if not opens:
                return
            time.sleep(pause)
        raise ServiceUnusable(
            "AWS KMS still decrypts by a key that it was told to delete",
            hint=f"in {region_of(arn)}; repeat the command in a minute",
        )

    def _ended(self, arn: str) -> Mapping[str, Any] | None:
        """A key as KMS shows it when it waits, which it may not show at once; None: it is gone."""
        for pause in (*_PAUSES, 0):
            shown = self._shown(arn)
            if shown is None or shown["KeyState"] in _WAITING:
                return shown
            time.sleep(pause)
        raise ServiceUnusable(
            "AWS KMS does not show that a key waits which it was told to delete",
            hint=f"in {region_of(arn)}; repeat the command in a minute",
        )


def _context(record: KeyRecord) -> dict[str, str]:
    """What a ciphertext is bound to, so that it counts in no other record; CloudTrail shows it."""
    return {
        "shredder:key": record.id,
        "shredder:dataset": record.dataset,
        "shredder:check": record.check,
        "shredder:public": record.public,
    }


def _untried(record: KeyRecord) -> StoreDamaged:
    return StoreDamaged(
        f"whether AWS KMS still opens the key of {record.dataset} cannot be tried: its record does "
        "not keep what was encrypted for that",
        hint="take it from a backup of the state directory; else repeat the command when AWS KMS "
        "has deleted the key",
    )


def _description(record: KeyRecord) -> str:
    return f"shredder key {record.id}"


def _relatives(shown: Mapping[str, Any]) -> list[str]:
    config = shown.get("MultiRegionConfiguration") or {}
    every = [config["PrimaryKey"], *config.get("ReplicaKeys", ())] if config else []
    return [str(each["Arn"]) for each in every]


def _is_primary(shown: Mapping[str, Any]) -> bool:
    config = shown.get("MultiRegionConfiguration") or {}
    return bool(config.get("MultiRegionKeyType", "PRIMARY") == "PRIMARY")


def _gone_at(record: KeyRecord, shown: Mapping[str, Any] | None) -> Presence | None:
    """Whether a key is there or going; None: it is gone, or its material is."""
    if shown is None:
        return None
    external, state = shown["Origin"] == "EXTERNAL", shown["KeyState"]
    if external and state == "PendingImport":
        return None
    if state in _WAITING:
        deleted = external and record.place.get(_MATERIAL) == _DELETED
        return None if deleted else Presence.GOING
    return Presence.HERE


def _until(found: Any) -> str:
    """When the last of keys is gone, at the earliest: a primary waits for its replicas first.

    Empty: none is there any more. Raises ServiceUnusable where KMS gives no date.
    """
    there = [shown for shown in found if shown]
    dates = [shown["DeletionDate"] for shown in there if "DeletionDate" in shown]
    if not there:
        return ""
    if not dates:
        raise ServiceUnusable(
            "AWS KMS does not say until when a key waits to be deleted",
            hint="repeat the command in a minute",
        )
    last = max(dates)
    for shown in there:
        if days := shown.get("PendingDeletionWindowInDays"):
            last = max(last, max(dates) + dt.timedelta(days=days))
    return clock.stamp(last)
