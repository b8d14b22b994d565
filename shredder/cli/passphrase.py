"""key passphrase."""

from __future__ import annotations

from typing import Annotated

import typer

from shredder.cli import options
from shredder.cli.console import console, counted, shown
from shredder.errors import ExitCode, UsageError


def passphrase(
    dataset: options.Dataset,
    none: Annotated[
        bool, typer.Option("--none", help="Wrap the key by no passphrase from now on.")
    ] = False,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Wrap the key by the session's keyring from now on.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Wrap a dataset's key by another passphrase.

    It is rewritten where it lies; what is sealed stays as it is.

    The old one is read from SHREDDER_KEYS_PASSPHRASE, the new one from
    SHREDDER_KEYS_NEW_PASSPHRASE. The keyring's item of a key goes when something else wraps it.
    """
    from shredder.cli.session import changing
    from shredder.keystores import KeyState, material
    from shredder.keystores.file import FileKeyStore
    from shredder.sealing.keys import key_store, living_record

    new = material.passphrase(material.NEW_PASSPHRASE)
    if (new is not None) + none + keyring != 1:
        given = none or keyring
        raise UsageError(
            "a new passphrase, --keyring and --none contradict each other"
            if given
            else "no new passphrase",
            hint=f"it is read from {material.NEW_PASSPHRASE}; without any: --keyring or --none",
        )
    with console(as_json, None) as out, changing(config, out) as work:
        work.dataset(dataset)
        store = key_store(work.config, work.state)
        if not isinstance(store, FileKeyStore):
            raise UsageError(
                f"keys in a store {store.traits.kind} are wrapped by no passphrase",
                hint="who may use what wraps them is changed by its own tools",
            )
        living = [living_record(store, dataset)]
        # And what its key tree lies under.
        living += [
            each
            for each in store.records()
            if each.state is KeyState.LIVE and each.dataset.startswith(f"{dataset}/")
        ]
        done = [store.rewrap(each.id, new, by_keyring=keyring) for each in living]
        limitations = sorted({code for each in done for code in each.limitations})
        out.result(
            {
                "dataset": dataset,
                "keys": [each.id for each in done],
                "wrapping": done[0].wrapping.value,
                "limitations": limitations,
            },
            ExitCode.COMPLETE,
        )
        out.say(f"{counted(len(done), 'key')} of {shown(dataset)}: wrapped by {done[0].wrapping}")
        out.say(f"limitations: {' '.join(limitations) or 'none'}")
        out.say("copies of the key store open by the passphrase that they were made with")
    return ExitCode.COMPLETE
