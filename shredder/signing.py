"""Who signs: the configured signers, opened, and the public keys of all that ever signed here."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attestations import KeyUnusable, PolicyRefused, PublicKey, Signer
from shredder import durable
from shredder.config import Config, SignerConfig
from shredder.errors import UsageError
from shredder.keys import load_key_file, signing_key
from shredder.state import State

PIN = "SHREDDER_PKCS11_PIN"
AGENT = "SSH_AUTH_SOCK"
_MOST_LINE = 1000  # characters of an OpenSSH public key of Ed25519, with its comment


def signers(config: Config, state: State) -> tuple[Signer, ...]:
    """Open every configured signer, in order, and keep its public half in the state directory.

    Raises KeyUnusable, of the first that cannot be used, and UsageError if two are one key.
    """
    opened = tuple(open_signer(config, state, each) for each in config.signers)
    keys = [each.public_key for each in opened]
    if len({key.keyid for key in keys}) != len(keys):
        raise UsageError("two of [signing] signers are one key", hint="leave one of them out")
    for key in keys:
        path = state.known_key(key.keyid)
        if not path.exists():
            durable.write(path, [key.pem.encode()], mode=0o644)
    return opened


def open_signer(config: Config, state: State, each: SignerConfig) -> Signer:
    """Open one configured signer. Raises KeyUnusable, UsageError."""
    return _OPEN[each.kind](config, state, each)


def known_keys(state: State) -> tuple[PublicKey, ...]:
    """The public keys of all signers that were used here: rotated ones vouch for what they signed.

    Raises UsageError if there is none, or one cannot be read.
    """
    found: dict[str, PublicKey] = {}
    for path in sorted(state.public_key.parent.glob("signing*.pub.pem")):
        try:
            key = PublicKey.from_pem(path.read_text("ascii"))
        except (OSError, ValueError, PolicyRefused) as error:
            raise UsageError(f"the public key {path.name} cannot be read") from error
        found[key.keyid] = key
    if not found:
        raise UsageError("no public key in the state directory", hint="run `shredder init`")
    return tuple(found.values())


def read_public_key(path: Path, what: str) -> PublicKey:
    """A public key in a file: PEM, or a line of OpenSSH's. Raises UsageError."""
    try:
        return PublicKey.from_text(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, PolicyRefused) as error:
        why = error.strerror if isinstance(error, OSError) else "no public key"
        why = error.message if isinstance(error, PolicyRefused) else why
        raise UsageError(f"{what} cannot be read: {why}") from error


def _file(config: Config, state: State, each: SignerConfig) -> Signer:
    path = each.settings.get("path")
    return signing_key(state) if path is None else load_key_file(config.base / path)


def _token(_config: Config, _state: State, each: SignerConfig) -> Signer:
    from attestations.signing.pkcs11 import TokenKey, TokenSigner  # noqa: PLC0415 - seldom used

    key = TokenKey.parse(each.settings["uri"])
    return TokenSigner(each.settings["module"], key, _pin(each.settings["uri"]))


def _kms(_config: Config, _state: State, each: SignerConfig) -> Signer:
    from attestations.signing.kms import KmsSigner  # noqa: PLC0415 - seldom used

    wanted = each.settings
    return KmsSigner.open(
        wanted["key"], region=wanted.get("region"), endpoint_url=wanted.get("endpoint_url")
    )


def _agent(config: Config, _state: State, each: SignerConfig) -> Signer:
    from attestations.signing.ssh_agent import AgentSigner  # noqa: PLC0415 - seldom used

    agent = os.environ.get(AGENT)
    if not agent:
        raise KeyUnusable(
            f"no SSH agent: {AGENT} is not set", hint="start one, and ssh-add the key"
        )
    return AgentSigner(agent, _public_line(config.base / each.settings["public_key"]))


def _public_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST_LINE)
    except (OSError, UnicodeDecodeError):
        raise KeyUnusable("the public key file of an SSH agent's key cannot be read") from None


@functools.cache
def _pin(uri: str) -> str | None:
    """A token's PIN, asked for once: each wrong one that is tried may be the token's last."""
    given = os.environ.get(PIN)
    if given:
        return given
    if not sys.stdin.isatty():
        return None
    return getpass.getpass(f"PIN of {uri}: ") or None


_OPEN: Final[Mapping[str, Callable[[Config, State, SignerConfig], Signer]]] = {
    "file": _file,
    "pkcs11": _token,
    "kms": _kms,
    "ssh-agent": _agent,
}
