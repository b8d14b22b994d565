"""The keeper of the key store `vault`: the transit engine of OpenBao or HashiCorp Vault.

Each dataset's key has a wrapping key of its own (``aes256-gcm96``), made in the server, which may
not be deleted until it is to go. That the server has it no more is looked at; what it keeps of it,
encrypted, in its storage, its log and snapshots, is not seen from here: `server-erase-not-shown`.

A settings' change can make a key leave the server later, by its export or its backup: that is
looked for when the key is looked at, and before it goes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from shredder.keystores.contract import KeyRecord, Wrapping
from shredder.keystores.errors import NotErasable, ServiceUnusable
from shredder.keystores.keeper import Ended, KeeperTraits, Kept, Wrapped, bound
from shredder.keystores.vaulthttp import Answer, VaultHttp

_TYPE = "aes256-gcm96"
_LEAVING: Final = ("exportable", "allow_plaintext_backup")
_WANTED: Final = {  # of a key that was just made
    "type": _TYPE,
    "exportable": False,
    "allow_plaintext_backup": False,
    "derived": False,
    "deletion_allowed": False,
    "latest_version": 1,
}
_FORM = re.compile(rb"vault:v[1-9][0-9]*:[A-Za-z0-9+/]+=*")  # of what it encrypts
_COULD_LEAVE = "wrapping-key-could-leave"
# What it answers, by words alone, where a key or what it encrypted is another's.
_NOT_ITS_OWN: Final = (
    "encryption key not found",
    "message authentication failed",
    "invalid ciphertext",
)
_TRAITS: Final = KeeperTraits(
    kind="vault",
    noun="server",
    wrapping=Wrapping.VAULT,
    limitations=("server-erase-not-shown", "server-sees-key"),
    looked=("server-keys",),
    counted="server-keys-destroyed",
)


class Vault:
    """The transit engine at one mount. Every method raises NoAccess, ServiceUnusable."""

    def __init__(self, server: VaultHttp, mount: str) -> None:
        self._server = server
        self._mount = mount.strip("/")

    @property
    def traits(self) -> KeeperTraits:
        """What is said of it."""
        return _TRAITS

    def identity(self) -> str:
        """The mount's own random id: another mount of the same name has none of its keys."""
        answer = self._server.ask("GET", f"sys/internal/ui/mounts/{self._mount}")
        said = answer.data
        if not answer.ok or said.get("type") != "transit" or not isinstance(said.get("uuid"), str):
            raise ServiceUnusable(
                f"the server has no transit engine at {self._mount}",
                hint="see `mount` in [keys]",
            )
        return str(said["uuid"])

    def where(self) -> Mapping[str, str]:
        """Nothing: its name is the record's id."""
        return {}

    def wrap(self, record: KeyRecord, key: bytes) -> Wrapped:
        """Make a key in the server, and encrypt by it. Raises NotErasable if it could leave it."""
        own = {
            "type": _TYPE,
            "exportable": False,
            "allow_plaintext_backup": False,
            "derived": False,
            "convergent_encryption": False,
        }
        _done(self._server.ask("POST", self._path(record), own))
        said = self._said(record)
        if said is None or any(said.get(name) != wanted for name, wanted in _WANTED.items()):
            raise NotErasable(
                "the server does not say that its key was made in it and cannot leave it",
                hint="is there a policy or a plugin that alters what is asked for?",
            )
        if said.get("imported_key") or said.get("soft_deleted"):
            raise NotErasable("the server has another key of that name than the one it was to make")
        answer = self._server.ask(
            "POST",
            self._path(record, "encrypt"),
            {"plaintext": _text(key), "associated_data": _text(bound(record))},
        )
        return Wrapped(str(_done(answer).data.get("ciphertext", "")).encode("ascii", "replace"))

    def unwrap(self, record: KeyRecord, data: bytes) -> bytearray | None:
        """Decrypt; None: the server has no such key, or what is given was not encrypted by it."""
        if not _FORM.fullmatch(data):
            return None
        answer = self._server.ask(
            "POST",
            self._path(record, "decrypt"),
            {"ciphertext": data.decode("ascii"), "associated_data": _text(bound(record))},
        )
        if answer.ok:
            try:
                return bytearray(base64.b64decode(str(answer.data.get("plaintext")), validate=True))
            except binascii.Error:
                return None
        text = " ".join(answer.errors)
        if any(each in text for each in _NOT_ITS_OWN):
            return None
        said = self._said(record)
        if said is None:
            return None
        if said.get("soft_deleted"):
            raise ServiceUnusable(
                f"the server's key of {record.dataset} was deleted there, so that it can come back",
                hint="restore it (`soft-delete-restore`), or destroy the key here",
            )
        raise ServiceUnusable(
            f"the server does not open the key of {record.dataset} by the key that it has",
            hint="was `min_decryption_version` raised over the version that encrypted it?",
        )

    def holds(self, record: KeyRecord) -> Kept:
        """Say whether the server has a record's key, deleted softly or not."""
        return Kept.whether(self._said(record) is not None)

    def altered(self, record: KeyRecord) -> tuple[str, ...]:
        """Codes of what is not as it was when a record's key was made."""
        said = self._said(record) or {}
        return (_COULD_LEAVE,) if any(said.get(name) for name in _LEAVING) else ()

    def destroy(self, record: KeyRecord) -> Ended:
        """Have the server destroy a record's key, in all its versions."""
        if self._said(record) is None:
            return Ended(0)
        allowed = {"deletion_allowed": True}
        _done(self._server.ask("POST", f"{self._path(record)}/config", allowed))
        answer = self._server.ask("DELETE", self._path(record))
        if self._said(record) is not None:
            _done(answer)
            raise ServiceUnusable(
                "the server still has a key that it was told to destroy",
                hint="repeat the command; what was begun goes on",
            )
        return Ended(1)

    def _said(self, record: KeyRecord) -> dict[str, object] | None:
        """What the server says of a record's key; None: it has none."""
        answer = self._server.ask("GET", self._path(record))
        return None if answer.absent else dict(_done(answer).data)

    def _path(self, record: KeyRecord, engine: str = "keys") -> str:
        return f"{self._mount}/{engine}/shredder-{record.id}"


def _done(answer: Answer) -> Answer:
    """An answer to what was done. Raises ServiceUnusable for another."""
    if not answer.ok:
        raise ServiceUnusable(
            f"the server of keys answers {answer.status}", hint="its own log has the reason"
        )
    return answer


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
