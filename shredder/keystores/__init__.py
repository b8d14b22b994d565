"""Key stores: where the keys of datasets lie, and how they end.

* ``contract``: what every store answers to, and what is known of a key
* ``file``: keys in fixed slots of one file, overwritten where they lie
* ``wrapped``: keys wrapped by one that its keeper never gives away; ``keeper``: what that answers
* ``token``: the keeper of the store `pkcs11`; ``vault``, ``vaulthttp``: of `vault`; ``kms``,
  ``kmsapi``: of `aws-kms`; ``address``: where keys may pass to
* ``register``: the records of keys, which outlive them
* ``holdings``: a dataset's keys as holdings, for sweep, plan and run
* ``keyring``: the items of the session's keyring that `file` wraps keys by
* ``material``, ``probe``, ``rewrap``, ``slot``, ``slotfile``, ``whose``: what `file` is made of
"""

from shredder.keystores.contract import (
    Declared,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyStore,
    KeyTraits,
    Wrapping,
)
from shredder.keystores.errors import (
    KeyDestroyed,
    KeyExists,
    KeyStoreError,
    NoKey,
    NotErasable,
    StoreBusy,
    StoreDamaged,
    WrongPassphrase,
)
from shredder.keystores.register import newest

__all__ = [
    "Declared",
    "KeyDestroyed",
    "KeyDestruction",
    "KeyExists",
    "KeyFinding",
    "KeyRecord",
    "KeyState",
    "KeyStore",
    "KeyStoreError",
    "KeyTraits",
    "NoKey",
    "NotErasable",
    "StoreBusy",
    "StoreDamaged",
    "Wrapping",
    "WrongPassphrase",
    "newest",
]
