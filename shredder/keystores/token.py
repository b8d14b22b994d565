"""The keeper of the key store `pkcs11`: a token, its AES keys, and what can go wrong with it.

What the token's maker overwrites of a key that is destroyed, is the maker's word:
`token-erase-not-shown`. The token is asked anew each time, so that one that was taken away is
noticed; and where it shows no key, whether it is there still: to a session that was open, SoftHSM
without its token shows none. The driver is the package python-pkcs11, which loads the vendor's
module.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from shredder.keystores.contract import KeyRecord, Wrapping
from shredder.keystores.errors import NotErasable, TokenUnusable, WrongPin
from shredder.keystores.keeper import Ended, KeeperTraits, Kept, Presence, Wrapped, bound

if TYPE_CHECKING:
    from pkcs11 import GCMParams, Object, Session

PIN = "SHREDDER_KEYS_PIN"
_LABEL: Final = "shredder key"
_NONCE, _TAG_BITS = 12, 128
_LOGIN = threading.Lock()  # PKCS#11 has a process logged in, and not a session: one at a time

# The exceptions' names, so that none of them needs the driver to be loaded.
_PIN_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    "PinIncorrect": ("the token's PIN is wrong", "few tries are left before the token locks it"),
    "PinInvalid": ("the token's PIN is wrong", "few tries are left before the token locks it"),
    "PinLenRange": ("the token's PIN is wrong", "few tries are left before the token locks it"),
    "PinLocked": ("the token's PIN is locked", "its security officer can set a new one"),
    "PinExpired": ("the token's PIN has expired", "set a new one by the vendor's own tool"),
    "UserPinNotInitialized": ("the token has no PIN yet", "set one by the vendor's own tool"),
}
_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    "NoSuchToken": ("no token has that label", "is it plugged in? see `label` in [keys]"),
    "MultipleTokensReturned": ("several tokens have that label", "give each one of its own"),
    "TokenNotPresent": ("the token was taken away", "plug it in again, and repeat the command"),
    "DeviceRemoved": ("the token was taken away", "plug it in again, and repeat the command"),
    "DeviceMemory": ("the token is full", "delete what it need not hold"),
    "TokenWriteProtected": ("the token cannot be written to", "lift its write protection"),
    "MechanismInvalid": ("the token has no AES-GCM", "take one that has"),
}
_UNKNOWN: Final = "is it plugged in still? repeat the command"

_TRAITS: Final = KeeperTraits(
    kind="pkcs11",
    noun="token",
    wrapping=Wrapping.TOKEN,
    limitations=("token-erase-not-shown",),
    looked=("token-keys",),
    counted="token-keys-destroyed",
)


class Token:
    """One token, by its label. Every method raises WrongPin, TokenUnusable."""

    def __init__(self, module: str, label: str, pin: str | None) -> None:
        """`module`: the vendor's shared library."""
        self._module = module
        self._label = label
        self._pin = pin

    @property
    def traits(self) -> KeeperTraits:
        """What is said of it."""
        return _TRAITS

    def identity(self) -> str:
        """Its serial number, which tells it from another of the same label."""
        with self._session() as session:
            return str(session.token.serial.decode("ascii", "replace").strip())

    def where(self) -> Mapping[str, str]:
        """Nothing: its name is the record's id."""
        return {}

    def wrap(self, record: KeyRecord, key: bytes) -> Wrapped:
        """Make a key in the token, and encrypt by it. Raises NotErasable if it could leave it."""
        from pkcs11 import Attribute, KeyType, Mechanism  # noqa: PLC0415 - an extra

        own = {
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.PRIVATE: True,
            Attribute.MODIFIABLE: False,
            Attribute.ENCRYPT: True,
            Attribute.DECRYPT: True,
            Attribute.WRAP: False,
            Attribute.UNWRAP: False,
        }
        told = (
            Attribute.LOCAL, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE,
        )  # fmt: skip
        with self._session() as session:
            made: Any = session.generate_key(
                KeyType.AES, 256, id=_id(record), label=_LABEL, store=True, template=own
            )
            if not all(made[each] for each in told):
                made.destroy()
                raise NotErasable(
                    "the token does not say that its keys are made in it and never leave it",
                    hint="take a token that does",
                )
            nonce = secrets.token_bytes(_NONCE)
            parameters = _parameters(record, nonce)
            data = made.encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
            return Wrapped(nonce + bytes(data))

    def unwrap(self, record: KeyRecord, data: bytes) -> bytearray | None:
        """Decrypt; None: the token holds no such key, or what is given was not encrypted by it."""
        with self._session() as session:
            key = self._opened(session, record, data[:_NONCE], data[_NONCE:])
        if key is None:
            self.identity()
        return key

    def _opened(
        self, session: Session, record: KeyRecord, nonce: bytes, sealed: bytes
    ) -> bytearray | None:
        from pkcs11 import Mechanism  # noqa: PLC0415 - an extra
        from pkcs11.exceptions import (  # noqa: PLC0415 - an extra
            EncryptedDataInvalid,
            EncryptedDataLenRange,
            GeneralError,
        )

        found: list[Any] = self._keys(session, record)
        if len(found) != 1 or len(nonce) != _NONCE:
            return None
        parameters = _parameters(record, nonce)
        try:
            key = found[0].decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
        except (EncryptedDataInvalid, EncryptedDataLenRange, GeneralError):
            return None  # SoftHSM says GeneralError of a tag that does not fit
        return bytearray(key)

    def holds(self, record: KeyRecord) -> Kept:
        """Say whether the token has a record's key."""
        with self._session() as session:
            found = self._keys(session, record)
        if not found:
            self.identity()
        return Kept.whether(bool(found))

    def altered(self, record: KeyRecord) -> tuple[str, ...]:
        """None: its keys cannot be modified."""
        del record
        return ()

    def destroy(self, record: KeyRecord) -> Ended:
        """Have the token destroy a record's keys. Raises TokenUnusable."""
        with self._session() as session:
            found = self._keys(session, record)
            for each in found:
                each.destroy()
        if self.holds(record).presence is not Presence.GONE:
            raise TokenUnusable(
                "the token still has a key that it was told to destroy",
                hint="delete it by the vendor's own tool, then repeat the command",
            )
        return Ended(len(found))

    def _keys(self, session: Session, record: KeyRecord) -> list[Object]:
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415 - an extra

        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: _id(record)}
        return list(session.get_objects(wanted))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A session with the token, and its errors in the operator's words."""
        try:
            import pkcs11  # noqa: PLC0415 - an extra
            from pkcs11.exceptions import PKCS11Error  # noqa: PLC0415 - an extra
        except ImportError:
            raise TokenUnusable(
                "no driver for tokens here", hint="install the extra `hsm`: python-pkcs11"
            ) from None
        if not self._pin:
            raise WrongPin("the token wants its PIN", hint=f"it is read from {PIN}")
        try:
            library = pkcs11.lib(self._module)
        except (PKCS11Error, RuntimeError) as error:
            if type(error) not in {PKCS11Error, RuntimeError}:
                raise TokenUnusable(
                    f"the module {self._module} does not start: it answers {type(error).__name__}",
                    hint="is the token there, and what its module is configured by?",
                ) from None
            raise TokenUnusable(
                f"the module {self._module} cannot be loaded",
                hint="name the vendor's shared library as `module` in [keys]",
            ) from None
        try:
            with _LOGIN:
                token = library.get_token(token_label=self._label)
                if token.flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
                    raise WrongPin(
                        "the token's PIN was wrong, and one try is left, which is not taken",
                        hint="log in once by the vendor's own tool, then repeat the command",
                    )
                with token.open(user_pin=self._pin, rw=True) as session:
                    yield session
        except PKCS11Error as error:
            name = type(error).__name__
            if name in _PIN_TROUBLES:
                trouble, hint = _PIN_TROUBLES[name]
                raise WrongPin(trouble, hint=hint) from None
            trouble, hint = _TROUBLES.get(name, (f"the token answers {name}", _UNKNOWN))
            raise TokenUnusable(trouble, hint=hint) from None


def _id(record: KeyRecord) -> bytes:
    """The id of a record's key in the token."""
    return bytes.fromhex(record.id)


def _parameters(record: KeyRecord, nonce: bytes) -> GCMParams:
    from pkcs11 import GCMParams  # noqa: PLC0415 - an extra

    return GCMParams(nonce=nonce, aad=bound(record), tag_bits=_TAG_BITS)
