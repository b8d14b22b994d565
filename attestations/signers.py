"""Who signs: a protocol of one method, and the signer that holds its key in a file.

A token, a key service or an agent becomes a signer by having `public_key` and `sign`.
"""

from __future__ import annotations

import base64
import os
import stat
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from attestations.errors import KeyUnusable
from attestations.keys import Algorithm, PublicKey
from attestations.storage import sync_directory

_MAX_KEY_FILE = 65536
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"  # what ssh-keygen writes (PROTOCOL.key)
_SECURITY_KEYS = (b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com")

PrivateKey: TypeAlias = (
    ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | mldsa.MLDSA65PrivateKey
)


class Signer(Protocol):
    """Signs messages with one key."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what this signer signs."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message` in the form of the key's algorithm."""


class KeyFileSigner:
    """Signs with a private key in a file of mode 0600: PKCS#8 PEM, or as ssh-keygen writes it."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._public = PublicKey.of(key.public_key())

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign: 64 bytes by Ed25519, DER by ECDSA, 3,309 bytes by ML-DSA-65."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(message, ec.ECDSA(SHA256()))
        return self._key.sign(message)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        algorithm: Algorithm = Algorithm.ED25519,
        passphrase: bytes | None = None,
    ) -> KeyFileSigner:
        """Make a key in a new file; durable on return. Raises :class:`KeyUnusable`."""
        key = _generate(algorithm)
        if passphrase == b"":
            raise KeyUnusable("an empty passphrase", hint="give one, or none at all")
        guard: KeySerializationEncryption = (
            NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, guard)
        _write_new(path, pem)
        return cls(key)

    @classmethod
    def load(cls, path: Path, *, passphrase: bytes | None = None) -> KeyFileSigner:
        """Read a key file. Raises :class:`KeyUnusable`, also if others may read or write it."""
        pem = _read_private(path)
        try:
            key = (_load_openssh if _OPENSSH in pem else load_pem_private_key)(pem, passphrase)
        except TypeError:
            wanted = passphrase is None
            raise KeyUnusable(
                "the key file is encrypted" if wanted else "the key file has no passphrase",
                hint="give its passphrase" if wanted else "leave the passphrase out",
            ) from None
        except (ValueError, UnsupportedAlgorithm, InvalidTag):
            raise KeyUnusable(
                "the key file cannot be read: a wrong passphrase, or neither a PKCS#8 PEM key "
                "nor an OpenSSH one",
            ) from None
        if isinstance(key, ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey) or (
            isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
        ):
            return cls(key)
        raise KeyUnusable("the key file is neither Ed25519 nor ECDSA P-256 nor ML-DSA-65")


def _load_openssh(data: bytes, passphrase: bytes | None) -> object:
    """Read what ssh-keygen writes; a FIDO token's key signs more than the message, and is refused.

    Raises what `load_pem_private_key` raises, InvalidTag and KeyUnusable.
    """
    body = base64.b64decode(data.partition(_OPENSSH)[2].partition(b"-----")[0])
    if any(kind in body for kind in _SECURITY_KEYS):
        raise KeyUnusable(
            "the key file is of a security key, whose signatures are of another form",
            hint="make one that signs by itself: ssh-keygen -t ed25519",
        )
    if passphrase is not None and find_spec("bcrypt") is None:
        raise KeyUnusable(
            "encrypted OpenSSH key files need an extra that is not installed",
            hint="pip install 'shredder-toolkit[ssh]'",
        )
    return load_ssh_private_key(data, passphrase)


def _generate(algorithm: Algorithm) -> PrivateKey:
    match algorithm:
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case Algorithm.ECDSA_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case Algorithm.ML_DSA_65:
            return mldsa.MLDSA65PrivateKey.generate()


def _write_new(path: Path, pem: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise KeyUnusable("the key file exists already", hint="it is never replaced") from None
    except OSError as error:
        raise KeyUnusable(f"the key file cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)  # whatever the umask
            file.write(pem)
            file.flush()
            os.fsync(fd)
        sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            path.unlink()  # a torn key file would stand in the way of the next attempt
        raise KeyUnusable(f"the key file cannot be written: {error.strerror}") from None


def _read_private(path: Path) -> bytes:
    try:
        # Non-blocking, so that a FIFO in the key's place does not hang the caller.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnusable("the key file is not a regular file")
            if status.st_mode & 0o077:
                raise KeyUnusable(
                    "the key file can be read or written by others", hint="chmod 600 it"
                )
            pem = file.read(_MAX_KEY_FILE + 1)
    except OSError as error:
        raise KeyUnusable(f"the key file cannot be read: {error.strerror}") from None
    if len(pem) > _MAX_KEY_FILE:
        raise KeyUnusable("the key file is too long to be one")
    return pem
