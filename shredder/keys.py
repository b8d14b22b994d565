"""The keys of a state directory: of attestations, of the log, of each dataset's fingerprint."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from attestations import KeyFileSigner, KeyUnusable, Signer
from shredder import durable
from shredder.errors import Inconclusive, UsageError
from shredder.state import State

PASSPHRASE = "SHREDDER_PASSPHRASE"  # noqa: S105 - the name of the variable, not a passphrase
FINGERPRINT_KEY_BYTES = 32


def passphrase() -> bytes | None:
    """The signing key's passphrase, from the environment; None if there is none."""
    value = os.environ.get(PASSPHRASE)
    return value.encode() if value else None


def create_signing_key(state: State) -> Signer:
    """Make the signing key and put its public half beside it; one that is there is kept."""
    if state.signing_key.exists():
        made = signing_key(state)
    else:
        made = KeyFileSigner.create(state.signing_key, passphrase=passphrase())
    durable.write(state.public_key, [made.public_key.pem.encode()], mode=0o644)
    return made


def signing_key(state: State) -> Signer:
    """The state directory's own key. Raises UsageError if there is none, KeyUnusable."""
    if not state.signing_key.exists():
        raise UsageError("no signing key in the state directory", hint="run `shredder init`")
    return load_key_file(state.signing_key)


def load_key_file(path: Path) -> Signer:
    """A key in a file. Raises KeyUnusable, which names the passphrase's variable."""
    try:
        return KeyFileSigner.load(path, passphrase=passphrase())
    except KeyUnusable as error:
        hint = error.hint
        if "passphrase" in error.message + hint:
            hint = f"{hint or 'give the right one'}: it is read from {PASSPHRASE}"
        raise KeyUnusable(error.message, hint=hint) from error


def log_signer(state: State) -> Signer:
    """The log's own signer; its key is made at the first use. Raises KeyUnusable."""
    if state.log_key.exists():
        return load_key_file(state.log_key)
    return KeyFileSigner.create(state.log_key, passphrase=passphrase())


def fingerprint_key(state: State, dataset: str, *, create: bool = False) -> bytes:
    """The 32 bytes of a dataset's fingerprint key.

    Raises UsageError if there is none yet, Inconclusive if it was destroyed.
    """
    path = state.fingerprint_key(dataset)
    destroyed = state.fingerprint_destroyed(dataset)
    if create:
        destroyed.unlink(missing_ok=True)
        if not path.exists():
            durable.write(path, [secrets.token_bytes(FINGERPRINT_KEY_BYTES)])
    elif destroyed.exists():
        # Also where a crash left some of it: what was to be destroyed is not used any more.
        raise Inconclusive(
            f"the fingerprint of dataset {dataset} was destroyed on "
            f"{destroyed.read_text('ascii').strip()}: nothing can be recognised any more",
            hint=f"from sources, if there are any, it is taken anew: `shredder enroll {dataset}`",
        )
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"dataset {dataset} has no fingerprint yet",
            hint=f"take it with `shredder enroll {dataset}`",
        ) from None
    if len(key) != FINGERPRINT_KEY_BYTES:
        raise UsageError(
            f"the fingerprint key of dataset {dataset} is damaged",
            hint=f"enrol it again from its sources: `shredder enroll {dataset}`",
        )
    return key
