"""Why what is sealed to a dataset stays shut: said beside the gaps that this left, or before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shredder.cli.console import Console, shown

if TYPE_CHECKING:
    from shredder.run.work import Work

_SHUT = frozenset({"encrypted", "sse-c"})  # reasons of what nobody can look into without a key


def refuse_pin(work: Work, dataset: str) -> None:
    """Try a token's PIN once, if one is given and the dataset has or had a key. Raises WrongPin.

    A token counts wrong ones, and each worker of a sweep would try it by itself, and for each key.
    """
    if work.config.keys.store != "pkcs11":
        return
    from shredder.config.names import whole
    from shredder.keystores import KeyStoreError
    from shredder.keystores.errors import WrongPin
    from shredder.keystores.token import PIN, Token
    from shredder.sealing.keys import key_store, known_record

    if not (pin := os.environ.get(PIN)):
        return  # which may be meant so: what is sealed is a gap
    settings = work.config.keys.settings
    try:
        known_record(key_store(work.config, work.state), whole(dataset))
        Token(settings["module"], settings["label"], pin).identity()
    except WrongPin:
        raise
    except KeyStoreError:
        return  # what is sealed is a gap, and tell() says why


def tell(out: Console, work: Work, dataset: str, problems: Iterable[dict[str, Any]]) -> None:
    """Say what keeps a dataset's living key from being used, where something stayed shut."""
    if not any(each["reason"] in _SHUT for each in problems):
        return
    from shredder.config.names import whole
    from shredder.keystores import KeyDestroyed, KeyStoreError, NoKey
    from shredder.sealing.keys import key_store, keys_of

    try:
        with keys_of(key_store(work.config, work.state), whole(dataset)):
            pass
    except (NoKey, KeyDestroyed):
        return  # then what is shut is somebody else's, or was meant to be
    except KeyStoreError as error:
        hint = f" ({error.hint})" if error.hint else ""
        out.note(shown(f"what is sealed to {dataset} stays shut: {error.message}{hint}"))
