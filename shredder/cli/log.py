"""log show, log prove, log check, log witness: the transparency log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, counted, shown
from shredder.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from attestations.log import Checkpoint, Fault, VerifierKey

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="LOGDIR", help="The log's folder; else the one of the configuration."),
]
Vkey = Annotated[
    str | None,
    typer.Option("--log", metavar="VKEY", help="The log's verifier key, got out of band."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    log = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for name, command in (
        ("show", show),
        ("prove", prove),
        ("check", check),
        ("witness", witness),
    ):
        log.command(name)(command)
    app.add_typer(log, name="log", help="The transparency log: show, prove, check, witness.")


def _opened(folder: Path | None, vkey: str | None, config: Path | None) -> tuple[Path, VerifierKey]:
    """The folder of a log and its key: named, or our own."""
    from attestations.log import VerifierKey
    from shredder.cli.session import working
    from shredder.evidence import open_log

    if (folder is None) != (vkey is None):
        raise UsageError(
            "a log in a folder needs its verifier key, and a key its folder",
            hint="LOGDIR --log VKEY; or neither, for the log of the configuration",
        )
    if folder is not None and vkey is not None:
        return folder, VerifierKey.parse(vkey)
    with console(True, None) as out, working(config, out) as work:
        store = open_log(work)
        return store.folder, store.key


def show(
    folder: Folder = None,
    log: Vkey = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Show a log's key, its head and its entries: digests of envelopes."""
    from attestations.log import Tiles, read_head, signed_heads

    place, key = _opened(folder, log, config)
    _, head = read_head(place, [key])
    entries = [entry.hex() for entry in Tiles(place, head.size).entries()]
    cosigned = sorted({each.size for each in signed_heads(place, key)})
    with console(as_json, None) as out:
        out.result(
            {
                "origin": head.origin,
                "key": str(key),
                "size": head.size,
                "root": head.root.hex(),
                "entries": entries,
                "cosigned_sizes": cosigned,
            },
            ExitCode.COMPLETE,
        )
        out.say(f"log: {shown(head.origin)}, {counted(head.size, 'entry', 'entries')}")
        out.say(f"key: {shown(key)}")
        for number, entry in enumerate(entries):
            out.say(f"  {number}: sha256:{entry}")
        sizes = ", ".join(map(str, cosigned)) or "none"
        out.say(f"heads that witnesses left, by size: {sizes}")
    return ExitCode.COMPLETE


def prove(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle of our own.")],
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Prove a bundle by the head that most have signed.

    What of the bundle is not in the log yet is logged first.
    """
    from shredder.cli.session import changing
    from shredder.evidence import prove_bundle

    with console(as_json, None) as out, changing(config, out) as work:
        proofs = prove_bundle(work, bundle)
        lines = len(proofs[0].head.signatures) - 1
        indexes = [proof.index for proof in proofs]
        out.result(
            {"bundle": str(bundle), "indexes": indexes, "cosignatures": lines}, ExitCode.COMPLETE
        )
        out.say(f"plan and result are entries {indexes[0]} and {indexes[1]}")
        out.say(f"the head bears {counted(lines, 'cosignature')}")
    return ExitCode.COMPLETE


def check(
    folder: Folder = None,
    log: Vkey = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option("--bundle", metavar="FILE", help="A bundle whose head is known; repeatable."),
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Look a whole log through: entries, tiles, every head.

    Without LOGDIR our own log is held against the journal, the attestations that were left and
    the heads that witnesses signed.
    """
    from attestations.log import inspect, signed_heads
    from shredder.cli.session import changing
    from shredder.evidence import heads_of, inspect_log

    if folder is None and log is None:
        with console(as_json, None) as out, changing(config, out) as work:
            if bundle:
                raise UsageError("--bundle goes with LOGDIR and --log: our own are all looked at")
            return _checked(out, *inspect_log(work))
    place, key = _opened(folder, log, config)
    remembered = [head for path in bundle or () for head in heads_of(path, key)]
    with console(as_json, None) as out:
        found = inspect(place, [key], [*remembered, *signed_heads(place, key)])
        return _checked(out, *found)


def _checked(out: Console, head: Checkpoint | None, faults: tuple[Fault, ...]) -> int:
    code = ExitCode.INVALID if faults else ExitCode.COMPLETE
    size = head.size if head else None
    found = [{"code": str(fault.code), "message": fault.message} for fault in faults]
    out.result({"size": size, "faults": found}, code)
    if head is not None:
        out.say(f"log: {shown(head.origin)}, {counted(head.size, 'entry', 'entries')}")
    for fault in faults:
        out.say(f"  {fault.code}: {shown(fault.message)}")
    out.say("NOT SOUND" if faults else "sound: entries, tiles and heads agree")
    return code


def witness(
    folder: Annotated[Path, typer.Argument(metavar="LOGDIR", help="The log's folder.")],
    state: Annotated[
        Path, typer.Option("--state", metavar="FILE", help="What the witness remembers.")
    ],
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", help="The witness's own key; made if not there."),
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The witness's name, as example.net/w1.")
    ],
    log: Vkey = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the cosigned head here; not LOGDIR."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """As a third party: check that a log only grew, cosign.

    It is held to what this party saw the last time.

    The first time needs --log. A log that was rolled back or forked is refused and not signed.
    The key's passphrase, if it has one, is read from SHREDDER_PASSPHRASE.
    """
    import datetime as dt

    from attestations import KeyFileSigner
    from attestations.log import Kind, NoteSigner, VerifierKey, cosign, leave
    from shredder.keys import load_key_file, passphrase
    from shredder.outputs import hand_over

    secret = passphrase()
    own = load_key_file(key) if key.exists() else KeyFileSigner.create(key, passphrase=secret)
    signer = NoteSigner(name, Kind.WITNESS, own)
    known = VerifierKey.parse(log) if log is not None else None
    made = cosign(folder, state, signer, now=dt.datetime.now(dt.UTC), log=known)
    if output is None:
        path = leave(folder, made, signer.key)
    else:
        path = output
        hand_over(path, [made.note.to_bytes()], mode=0o644)
    with console(as_json, None) as out:
        out.result(
            {
                "origin": made.head.origin,
                "size": made.head.size,
                "size_before": made.before,
                "witness_key": str(signer.key),
                "cosigned": str(path),
            },
            ExitCode.COMPLETE,
        )
        out.say(
            f"{shown(made.head.origin)}: {counted(made.head.size, 'entry', 'entries')}, "
            f"{made.before:,} at the last time; cosigned"
        )
        out.say(f"wrote {shown(path)}")
        out.say(f"for auditors' policies: {shown(signer.key)}")
    return ExitCode.COMPLETE
