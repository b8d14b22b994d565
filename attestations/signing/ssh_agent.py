"""An Ed25519 key in an SSH agent (draft-ietf-sshm-ssh-agent; RFC 8709 for key and signature).

The agent signs the message as it is: an Ed25519 signature like any other. No agent takes a
message of more than 256 KiB, so that very long statements want another signer.
"""

from __future__ import annotations

import base64
import binascii
import socket
from typing import Final

from attestations.errors import KeyUnusable
from attestations.keys import PublicKey
from attestations.signing.checked import checked, of_spki

_WHO: Final = "SSH agent"
_KIND: Final = b"ssh-ed25519"
_SIGN_REQUEST: Final = 13
_SIGN_RESPONSE: Final = 14
_MOST: Final = 256 * 1024  # OpenSSH's own limit of a message to or from the agent
_SECONDS: Final = 60  # somebody may have to touch a key, or to confirm
_SPKI_HEAD: Final = bytes.fromhex("302a300506032b6570032100")


class AgentSigner:
    """Signs with a key that an SSH agent holds."""

    def __init__(self, agent: str, public_line: str) -> None:
        """Take the agent's socket and a line like ``ssh-ed25519 AAAA… comment``."""
        self._agent = agent
        self._blob, raw = _read_line(public_line)
        self._public = of_spki(_SPKI_HEAD + raw, _WHO)
        self.sign(b"shredder asks whether this key can sign")

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign: 64 bytes by Ed25519. Raises :class:`KeyUnusable`."""
        body = bytes([_SIGN_REQUEST]) + _string(self._blob) + _string(message) + bytes(4)
        if len(body) > _MOST:
            raise KeyUnusable(f"{_WHO}: the statement is too long for an agent")
        answer = self._ask(body)
        if answer[:1] != bytes([_SIGN_RESPONSE]):
            raise KeyUnusable(
                f"{_WHO}: it does not sign with this key", hint="add it: ssh-add, or unlock it"
            )
        signature, rest = _take(answer[1:])
        kind, inner = _take(signature)
        raw, left = _take(inner)
        if rest or left or kind != _KIND:
            raise _nonsense()
        return checked(raw, message, self._public, _WHO)

    def _ask(self, body: bytes) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
                agent.settimeout(_SECONDS)
                agent.connect(self._agent)
                agent.sendall(_string(body))
                size = int.from_bytes(_read(agent, 4), "big")
                if not 0 < size <= _MOST:
                    raise _nonsense()
                return _read(agent, size)
        except OSError as error:
            raise KeyUnusable(
                f"{_WHO}: not to be asked: {error.strerror or 'no answer'}",
                hint="is it running, and SSH_AUTH_SOCK set?",
            ) from None


def _read_line(line: str) -> tuple[bytes, bytes]:
    """Return the key's blob, and the 32 bytes in it."""
    kind, _, rest = line.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
        inner, after = _take(blob)
        raw, left = _take(after)
    except (binascii.Error, KeyUnusable):
        raise _not_ed25519() from None
    if kind.encode() != _KIND or inner != _KIND or left or len(raw) != 32:
        raise _not_ed25519()
    return blob, raw


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _take(data: bytes) -> tuple[bytes, bytes]:
    """Return the first string of RFC 4251, section 5, and what is after it."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size or len(data) < 4:
        raise _nonsense()
    return data[4 : 4 + size], data[4 + size :]


def _read(agent: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = agent.recv(size - len(parts))
        if not part:
            raise _nonsense()
        parts += part
    return bytes(parts)


def _nonsense() -> KeyUnusable:
    return KeyUnusable(f"{_WHO}: its answer is not understood")


def _not_ed25519() -> KeyUnusable:
    return KeyUnusable(
        f"{_WHO}: the public key is not a line of ssh-ed25519",
        hint="name the .pub file that ssh-keygen -t ed25519 made",
    )
