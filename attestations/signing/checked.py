"""What another part signed is checked before it is used."""

from __future__ import annotations

from attestations.errors import KeyUnusable, PolicyRefused, Untrusted
from attestations.keys import PublicKey


def checked(signature: bytes, message: bytes, key: PublicKey, who: str) -> bytes:
    """Return the signature if it is the key's over the message. Raises KeyUnusable.

    A part that signs with another key than it shows, or signs wrongly, would else be noticed by
    the auditor, when nothing can be mended any more.
    """
    try:
        key.verify(signature, message)
    except Untrusted:
        raise KeyUnusable(f"{who}: what it signed does not fit its public key") from None
    return signature


def of_spki(spki: bytes, who: str) -> PublicKey:
    """Read the public key that another part showed. Raises KeyUnusable."""
    try:
        return PublicKey.from_spki(spki)
    except PolicyRefused as error:
        raise KeyUnusable(f"{who}: {error.message}", hint=error.hint) from None
