"""The file key for one X25519 recipient (RFC 7748), and out of what one was given."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from backends.agefile._base64 import decoded, encoded
from backends.agefile._errors import Damaged
from backends.agefile._header import Stanza, derived

FILE_KEY = 16  # bytes
_KIND = b"X25519"
_INFO = b"age-encryption.org/v1/X25519"
_NONCE = bytes(12)  # the key is used once
_TAG = 16


def wrap(file_key: bytes, recipient: bytes) -> Stanza:
    """Wrap a file key for a public key of 32 bytes. Raises ValueError for a point of low order."""
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    key = derived(secret, share + recipient, _INFO)
    body = ChaCha20Poly1305(key).encrypt(_NONCE, file_key, None)
    return Stanza((_KIND, encoded(share)), body)


def unwrap(stanza: Stanza, key: bytes | bytearray) -> bytes | None:
    """The file key, by a private key of 32 bytes; None: it is not for this one. Raises Damaged."""
    if stanza.arguments[0] != _KIND:
        return None
    share = decoded(stanza.arguments[1]) if len(stanza.arguments) == 2 else b""
    # The length is looked at before anything is decrypted, so that no answer tells of a key.
    if len(share) != 32 or len(stanza.body) != FILE_KEY + _TAG:
        raise Damaged("the header has a recipient of another form")
    private = X25519PrivateKey.from_private_bytes(key)
    try:
        secret = private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise Damaged("the header has a point of low order") from None
    salt = share + private.public_key().public_bytes_raw()
    try:
        return ChaCha20Poly1305(derived(secret, salt, _INFO)).decrypt(_NONCE, stanza.body, None)
    except InvalidTag:
        return None
