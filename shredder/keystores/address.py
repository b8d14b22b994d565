"""The address of who holds wrapping keys: keys pass to it, in the clear on this machine only."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from shredder.errors import UsageError

_HERE: Final = ("localhost", "127.0.0.1", "::1")


def address_of(text: str, whose: str, setting: str) -> SplitResult:
    """Take ``https://HOST[:PORT]`` apart; ``http://`` to this machine. Raises UsageError.

    `whose` it is, and the `setting` of [keys] that has it, are for the message.
    """
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
        host.encode("idna")
    except ValueError:  # of brackets, a port, or a part of a name
        raise _no_address(whose, setting) from None
    if url.scheme != "https" and not (url.scheme == "http" and host in _HERE):
        raise UsageError(
            f"the address of the {whose} must begin with https://",
            hint=f"keys pass between here and there: see `{setting}` in [keys]",
        )
    if not host:
        raise _no_address(whose, setting)
    return url


def _no_address(whose: str, setting: str) -> UsageError:
    return UsageError(
        f"the address of the {whose} is none", hint=f"see `{setting}` in [keys]: https://HOST:PORT"
    )
