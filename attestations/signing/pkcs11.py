"""A key in a PKCS#11 token: P-256 by CKM_ECDSA over a SHA-256 digest, or Ed25519 by CKM_EDDSA.

The token is asked anew for every signature, so that one that was taken away is noticed. The
driver is the package python-pkcs11, which loads the vendor's module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestations.errors import KeyUnusable
from attestations.keys import Algorithm, PublicKey
from attestations.signing.checked import checked, of_spki

if TYPE_CHECKING:
    from pkcs11 import Session

_WHO: Final = "PKCS#11 token"
_SERIAL_BYTES: Final = 16  # PKCS #11, 3.1: CK_TOKEN_INFO pads it with blanks

# SubjectPublicKeyInfo up to the point, by the value of CKA_EC_PARAMS. PKCS #11 lets a token
# write Edwards25519 as a name or as its object identifier.
_P256_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_ED25519_HEAD: Final = bytes.fromhex("302a300506032b6570032100")
_HEADS: Final = {
    bytes.fromhex("06082a8648ce3d030107"): (_P256_HEAD, 65),
    bytes.fromhex("06032b6570"): (_ED25519_HEAD, 32),
    b"\x13\x0cedwards25519": (_ED25519_HEAD, 32),
}

# The exceptions' names, so that none of them needs the driver to be loaded.
_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    "PinIncorrect": ("the PIN is wrong", "few tries are left before the token locks it"),
    "PinInvalid": ("the PIN is wrong", "few tries are left before the token locks it"),
    "PinLenRange": ("the PIN is wrong", "few tries are left before the token locks it"),
    "ArgumentsBad": ("a PIN is wanted, or what was asked is not understood", "give its PIN"),
    "PinLocked": ("its PIN is locked", "its security officer can set a new one"),
    "PinExpired": ("its PIN has expired", "set a new one by the vendor's own tool"),
    "UserPinNotInitialized": ("it has no PIN yet", "set one by the vendor's own tool"),
    "UserNotLoggedIn": ("it wants a PIN", "give its PIN"),
    "NoSuchToken": ("no token is what the URI says", "is it plugged in, and its label right?"),
    "MultipleTokensReturned": ("several tokens are what the URI says", "add its serial"),
    "NoSuchKey": ("it has no such key pair", "are object and id right, and the PIN given?"),
    "MultipleObjectsReturned": ("several keys are what the URI says", "add the key's id"),
    "TokenNotPresent": ("it was taken away", "plug it in again"),
    "DeviceRemoved": ("it was taken away", "plug it in again"),
    "MechanismInvalid": ("it does not sign by the key's algorithm", "use a key of P-256"),
}


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which key of which token is meant: a PKCS#11 URI (RFC 7512), without any secret."""

    token: str | None
    serial: str | None
    label: str | None
    id: bytes | None

    @classmethod
    def parse(cls, uri: str) -> TokenKey:
        """Read ``pkcs11:token=…;serial=…;object=…;id=…``. Raises KeyUnusable."""
        scheme, _, rest = uri.partition(":")
        found: dict[str, bytes] = {}
        for part in rest.split(";"):
            name, equals, value = part.partition("=")
            if not equals or name in found or name not in {"token", "serial", "object", "id"}:
                raise _bad_uri()
            found[name] = unquote_to_bytes(value)
        if scheme != "pkcs11" or "?" in uri or not found.keys() & {"token", "serial"}:
            raise _bad_uri()
        if not found.keys() & {"object", "id"}:
            raise _bad_uri()
        try:
            texts = {name: found[name].decode() for name in found if name != "id"}
        except UnicodeDecodeError:
            raise _bad_uri() from None
        return cls(texts.get("token"), texts.get("serial"), texts.get("object"), found.get("id"))


class TokenSigner:
    """Signs with a key that never leaves its token."""

    def __init__(self, module: str, key: TokenKey, pin: str | None) -> None:
        self._module = module
        self._key = key
        self._pin = pin
        with self._session() as session:
            self._public = self._read_public(session)

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies, as the token shows it."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign: 64 bytes by Ed25519, DER by ECDSA. Raises :class:`KeyUnusable`."""
        from pkcs11 import Mechanism, ObjectClass, SignMixin  # noqa: PLC0415 - an extra

        with self._session() as session:
            key = session.get_key(ObjectClass.PRIVATE_KEY, label=self._key.label, id=self._key.id)
            assert isinstance(key, SignMixin)
            if self._public.algorithm is Algorithm.ED25519:
                signature = key.sign(message, mechanism=Mechanism.EDDSA)
            else:
                # The digest is ours: every token can sign one, and no message is too long.
                raw = key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA)
                half = len(raw) // 2
                signature = encode_dss_signature(
                    int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
                )
        return checked(signature, message, self._public, _WHO)

    def _read_public(self, session: Session) -> PublicKey:
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415 - an extra

        shown = session.get_key(ObjectClass.PUBLIC_KEY, label=self._key.label, id=self._key.id)
        parameters, point = bytes(shown[Attribute.EC_PARAMS]), bytes(shown[Attribute.EC_POINT])
        head, size = _HEADS.get(parameters, (b"", 0))
        if len(point) == size + 2:
            point = point[2:]  # the DER octet string that the standard asks for, and not all write
        if not size or len(point) != size:
            raise KeyUnusable(f"{_WHO}: its key is neither P-256 nor Ed25519")
        return of_spki(head + point, _WHO)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A session with the token, and its errors in the operator's words."""
        try:
            import pkcs11  # noqa: PLC0415 - an extra
            from pkcs11.exceptions import PKCS11Error  # noqa: PLC0415 - an extra
        except ImportError:
            raise KeyUnusable(
                f"{_WHO}: no driver here", hint="install the extra `hsm`: python-pkcs11"
            ) from None
        try:
            library = pkcs11.lib(self._module)
        except (PKCS11Error, RuntimeError) as error:
            if type(error) not in {PKCS11Error, RuntimeError}:
                raise KeyUnusable(
                    f"{_WHO}: its module does not start: it answers {type(error).__name__}",
                    hint="is the token there, and what its module is configured by?",
                ) from None
            raise KeyUnusable(
                f"{_WHO}: the module {self._module} cannot be loaded",
                hint="name the vendor's shared library",
            ) from None
        serial = self._key.serial
        try:
            token = library.get_token(
                token_label=self._key.token,
                token_serial=serial.encode().ljust(_SERIAL_BYTES) if serial else None,
            )
            with token.open(user_pin=self._pin) as session:
                yield session
        except PKCS11Error as error:
            trouble, hint = _TROUBLES.get(
                type(error).__name__,
                (f"it answers {type(error).__name__}", "is it plugged in still?"),
            )
            raise KeyUnusable(f"{_WHO}: {trouble}", hint=hint) from None


def _bad_uri() -> KeyUnusable:
    return KeyUnusable(
        f"{_WHO}: its URI is not understood",
        hint="pkcs11:token=LABEL;object=LABEL, or serial, or id; nothing else, and no PIN",
    )
