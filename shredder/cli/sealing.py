"""key create, key show, key destroy, seal, open: a dataset's key, and files sealed to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, shown, sized
from shredder.cli.passphrase import passphrase
from shredder.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from backends.deposit import Deposits
    from backends.sealedvalue import Values
    from shredder.keystores import Declared, KeyDestruction, KeyFinding, KeyRecord, KeyStore
    from shredder.sealing.records import RecordsDestroyed

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The file; it is left as it is.")]
_Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Where it is written; never replaced."),
]
_Columns = Annotated[
    str,
    typer.Option(
        "--columns", metavar="NAME,…", help="Only these columns of a CSV file, value by value."
    ),
]
_Row = Annotated[
    str,
    typer.Option(
        "--row", metavar="NAME", help="With --columns: the column that names each row; not sealed."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    key = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands = (
        ("create", create),
        ("records", records),
        ("show", show),
        ("passphrase", passphrase),
        ("destroy", destroy),
    )
    for name, command in commands:
        key.command(name)(command)
    app.add_typer(key, name="key", help="The keys of datasets: make, show, rewrap, destroy.")
    app.command()(seal)
    app.command("open")(open_sealed)


def create(
    dataset: options.Dataset,
    escrowed: Annotated[
        str, typer.Option(metavar="no|yes|unknown", help="Whether somebody gets a copy of it.")
    ] = "unknown",
    backed_up: Annotated[
        str, typer.Option(metavar="no|yes|unknown", help="Whether the key store is backed up.")
    ] = "unknown",
    in_clear: Annotated[
        str,
        typer.Option(
            metavar="no|yes|unknown",
            help="Whether what it seals lay in the clear where it is to lie sealed.",
        ),
    ] = "unknown",
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Make a dataset's key, to seal files with.

    SHREDDER_KEYS_PASSPHRASE wraps it, if it is set.

    Refused where the file system could not erase it in place.
    """
    from shredder.cli.session import changing
    from shredder.sealing.keys import key_store

    with console(as_json, None) as out, changing(config, out) as work:
        work.dataset(dataset)
        store = key_store(work.config, work.state)
        record = store.create(
            dataset,
            escrowed=_declared("--escrowed", escrowed),
            backed_up=_declared("--backed-up", backed_up),
            in_clear=_declared("--in-clear", in_clear),
        )
        _show(out, record, ())
    return ExitCode.COMPLETE


def _declared(option: str, word: str) -> Declared:
    from shredder.keystores import Declared

    if word not in set(Declared):
        raise UsageError(f"{option} is no, yes or unknown, not {word!r}")
    return Declared(word)


def records(
    dataset: options.Dataset,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Give a dataset's records keys of their own.

    So each can be destroyed alone.

    For values that a program seals under a record; what was sealed before stays as it is.
    """
    from shredder.cli.session import changing
    from shredder.sealing.keys import record_keys

    with console(as_json, None) as out, changing(config, out) as work:
        work.dataset(dataset)
        keys = record_keys(work.config, work.state, dataset)
        made = keys.make()
        out.result({"dataset": dataset, "key": keys.key, "made": made}, ExitCode.COMPLETE)
        what = "have keys of their own now" if made else "had keys of their own already"
        out.say(f"the records of {shown(dataset)} {what}")
    return ExitCode.COMPLETE


def show(
    dataset: options.Dataset,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Show a dataset's key, and what is wrong with it.

    Its recipient, to seal to, and what its record says.
    """
    from shredder.sealing.keys import known_record

    with console(as_json, None) as out:
        store = _store(out, config, dataset)
        record = known_record(store, dataset)
        problems = store.inspect(record.id)
        code = ExitCode.INCONCLUSIVE if problems else ExitCode.COMPLETE
        _show(out, record, problems, code)
    return code


def _store(out: Console, config: Path | None, dataset: str) -> KeyStore:
    """The key store, for a dataset of the configuration; nothing is locked."""
    from shredder.cli.session import working
    from shredder.sealing.keys import key_store

    with working(config, out) as work:
        work.dataset(dataset)
        return key_store(work.config, work.state)


def _show(
    out: Console,
    record: KeyRecord,
    problems: tuple[str, ...],
    code: ExitCode = ExitCode.COMPLETE,
) -> None:
    from shredder.sealing.keys import recipient_of

    recipient = recipient_of(record)
    out.result(
        {
            "dataset": record.dataset,
            "key": record.id,
            "state": record.state.value,
            "recipient": recipient,
            "check": record.check,
            "wrapping": record.wrapping.value,
            "escrowed": record.escrowed.value,
            "backed_up": record.backed_up.value,
            "in_clear": record.in_clear.value,
            "created": record.created,
            "destroyed": record.destroyed or None,
            "until": record.until or None,
            "limitations": list(record.limitations),
            "problems": list(problems),
        },
        code,
    )
    out.say(f"{shown(record.dataset)}: key {record.id}, {record.state.value}")
    out.say(f"recipient: {recipient}")
    out.say(f"wrapped by: {record.wrapping.value}; made {record.created}")
    out.say(
        f"escrowed: {record.escrowed.value}; backed up: {record.backed_up.value}; "
        f"in the clear before: {record.in_clear.value}"
    )
    if record.destroyed:
        out.say(f"destroyed {record.destroyed}")
    if record.until:
        out.say(f"pending until {record.until}")
    if record.limitations:
        out.say(f"limitations: {' '.join(record.limitations)}")
    if problems:
        out.say(f"wrong with it: {' '.join(problems)}")


def destroy(
    dataset: options.Dataset,
    record: options.Record = None,
    record_list: options.RecordList = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Destroy a key: what is sealed to it opens no more.

    Wherever that lies.

    Leaves a tombstone, by which the key is refused if a copy of it is put back.
    """
    from shredder.cli.session import changing
    from shredder.sealing.keys import key_store, known_record, record_keys

    with console(as_json, None) as out, changing(config, out) as work:
        options.refuse_held(work, dataset)
        if work.dataset(dataset).approvals:
            raise Refused(
                f"nobody destroys {dataset} alone, nor its key",
                hint=f"[datasets.{dataset}] has `approvals` in the configuration",
            )
        names = options.records(record, record_list)
        if names:
            keys = record_keys(work.config, work.state, dataset)
            if not yes:
                _ask(out, dataset, f"What is sealed under {len(names):,} records of {dataset}")
            gone = keys.destroy(names)
            return _destroyed(out, gone.key, gone.finding, gone)
        store = key_store(work.config, work.state)
        known = known_record(store, dataset)
        if not yes:
            _ask(out, dataset, f"What is sealed to {dataset}")
        return _destroyed(out, store.destroy(known.id), store.verify(known.id), None)


def _destroyed(
    out: Console, done: KeyDestruction, found: KeyFinding, records: RecordsDestroyed | None
) -> ExitCode:
    from backends.contract import Finding
    from shredder.plan.keyed import WINDOW

    code = {
        Finding.ABSENT: ExitCode.COMPLETE,
        Finding.RESIDUE: ExitCode.RESIDUE,
        Finding.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }[found.finding]
    if found.reason == WINDOW:
        code = ExitCode.PENDING
    before = done.before if records is None else records.before == records.records
    until = done.record.until if records is None else records.until
    out.result(
        {
            "dataset": done.record.dataset.partition("/")[0],
            "key": done.record.id,
            "destroyed": done.record.destroyed or None,
            "until": until or None,
            "records": None if records is None else records.records,
            "before": before,
            "in_place": done.in_place,
            "verification": found.finding.value,
            "reason": found.reason or None,
            "limitations": list(done.record.limitations),
        },
        code,
    )
    if until:
        out.say(f"key {done.record.id}: opens nothing any more; pending until {until}")
    if records is None and not until:
        out.say(f"{'was destroyed already' if before else 'destroyed'}: key {done.record.id}")
    elif records is not None:
        out.say(f"records whose keys were destroyed: {records.records - records.before:,}")
        out.say(f"records whose keys were gone already: {records.before:,}")
    if done.in_place:
        out.say("the blocks that held it were overwritten and read back")
    elif not until:
        out.say("it is not shown that the blocks that held it were overwritten")
    out.say(f"looked for it again: {' '.join(filter(None, (found.finding.value, found.reason)))}")
    out.say(f"limitations: {' '.join(done.record.limitations) or 'none'}")
    out.say("copies of the key store, and what was opened before, are not reached")
    return code


def _ask(out: Console, dataset: str, what: str) -> None:
    if not out.can_ask:
        raise Refused(
            f"to destroy the key of {dataset} is not approved", hint="approve it with --yes"
        )
    out.note(f"{what} cannot be opened by anybody after this. No undoing it.")
    if out.ask("Type the dataset's name to go on: ") != dataset:
        raise Refused(f"the key of {dataset} was not approved; nothing was touched")


def seal(
    dataset: options.Dataset,
    file: _File,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where it is written; never replaced."),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="STORE:KEY", help="Write an object of a store instead.")
    ] = "",
    columns: _Columns = "",
    row: _Row = "",
    per_record: Annotated[
        bool,
        typer.Option("--per-record", help="With --columns: each row under its record's own key."),
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Seal a file to a dataset's key; needs no secret.

    It is sealed as the age tool would.

    With --columns: single values of a CSV file. They are sealed by the key itself.
    """
    from shredder.sealing.columns import named, seal_columns
    from shredder.sealing.files import seal_file, seal_to
    from shredder.sealing.keys import living_record, recipient_of

    if (output is None) is not bool(to):
        raise UsageError("one of --output and --to says where it is written")
    if output is not None:
        _refuse_existing(output)
    with console(as_json, None) as out:
        chosen = named(columns, row)
        if to and chosen is not None:
            raise UsageError("--columns goes with --output")
        if per_record and chosen is None:
            raise UsageError("--per-record goes with --columns")
        store = _store(out, config, dataset)
        record = living_record(store, dataset)
        values, place = None, to or str(output)
        if output is None:
            with _deposit(out, config, to) as (deposit, name):
                public = bytes.fromhex(record.public)
                size = seal_to(file, partial(deposit.put, name), public, out)
        elif chosen is None:
            size = seal_file(file, output.absolute(), bytes.fromhex(record.public), out)
        else:
            with _values(out, config, dataset, under_records=per_record) as sealing:
                values = seal_columns(
                    file, output.absolute(), chosen, dataset, sealing, out,
                    under_records=per_record,
                )  # fmt: skip
            size = file.stat().st_size
        recipient = recipient_of(record)
        out.result(
            {"sealed": place, "recipient": recipient, "size": size, "values": values},
            ExitCode.COMPLETE,
        )
        if values is None:
            out.say(f"wrote {shown(place)}: {sized(size)}, sealed to {recipient}")
        else:
            out.say(f"wrote {shown(place)}: {values:,} values of it sealed")
        if file.is_file():
            out.say(f"{shown(file)} is still there, in the clear")
    return ExitCode.COMPLETE


def open_sealed(
    dataset: options.Dataset,
    output: _Output,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file; it is left as it is.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", metavar="STORE:KEY", help="Read an object of a store instead.")
    ] = "",
    columns: _Columns = "",
    row: _Row = "",
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Open what is sealed to a key, while the key lives.

    A file, or columns of one.
    """
    from shredder.sealing.columns import named, open_columns
    from shredder.sealing.files import open_file, open_stream
    from shredder.sealing.keys import keys_of

    if (file is None) is not bool(source):
        raise UsageError("one of FILE and --from says what is opened")
    _refuse_existing(output)
    with console(as_json, None) as out:
        chosen = named(columns, row)
        if source and chosen is not None:
            raise UsageError("--columns goes with FILE")
        store = _store(out, config, dataset)
        to, came = output.absolute(), None
        if file is None:
            with (
                _deposit(out, config, source) as (deposit, name),
                keys_of(store, dataset) as key,
            ):
                stream, sealed = deposit.get(name)
                with stream:
                    size = open_stream(stream, sealed, source, to, key, dataset, out)
        elif chosen is None:
            with keys_of(store, dataset) as key:
                size = open_file(file, to, key, dataset, out)
        else:
            with _values(out, config, dataset) as values:
                came = open_columns(file, to, chosen, dataset, values, out)
            size = to.stat().st_size
        shut = came and came.destroyed
        count = None if came is None else came.values - came.destroyed
        out.result(
            {"opened": str(output), "size": size, "values": count, "destroyed": shut},
            ExitCode.COMPLETE,
        )
        told = sized(size) if count is None else f"{count:,} values of it opened"
        out.say(f"wrote {shown(output)}: {told}, in the clear (mode 0600)")
        if shut:
            out.say(f"{shut:,} values stay sealed: the keys of their records are destroyed")
    return ExitCode.COMPLETE


@contextmanager
def _deposit(out: Console, config: Path | None, place: str) -> Iterator[tuple[Deposits, str]]:
    """The store that ``STORE:KEY`` names, open, and the key. Raises UsageError, BackendError."""
    from backends.deposit import Deposits
    from shredder.cli.session import working
    from shredder.stores import opened

    store, colon, name = place.partition(":")
    with working(config, out) as work:
        if not colon or store not in work.config.stores:
            raise UsageError(f"{place} names no store of the configuration, as STORE:KEY would")
        with opened([store], work.config) as stores:
            found = stores[store]
            if not isinstance(found, Deposits):
                raise UsageError(
                    f"store {store} takes no objects", hint="for a folder: --output FILE, or FILE"
                )
            yield found, name


@contextmanager
def _values(
    out: Console, config: Path | None, dataset: str, *, under_records: bool = False
) -> Iterator[Values]:
    """A dataset's values, also those under records."""
    from shredder.cli.session import working
    from shredder.sealing.values import values_by

    with (
        working(config, out) as work,
        values_by(work.config, work.state, dataset, under_records=under_records) as values,
    ):
        yield values


def _refuse_existing(output: Path) -> None:
    if output.exists() or output.is_symlink():
        raise UsageError(f"{output} exists already; it is not replaced unasked")
