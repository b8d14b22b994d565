"""Taking a dataset's fingerprint from its configured sources, and destroying it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from backends.contract import SourceRows, SourceSpec
from shredder import clock, durable
from shredder.config import DatasetConfig
from shredder.config.names import MARK, whole
from shredder.errors import Refused, UsageError
from shredder.fingerprint import EnrolReport, Role, enrol, unfinished
from shredder.keys import fingerprint_key
from shredder.run.work import Work
from shredder.stores import opened


def enroll(work: Work, name: str) -> EnrolReport:
    """Read the sources once and keep keyed digests.

    Raises UsageError for an unknown dataset or one without a record: an empty fingerprint
    finds nothing anywhere, and would read as absence. Raises BackendError for a source that
    cannot be read. In both cases an earlier fingerprint stays.
    """
    dataset = work.dataset(name)
    if name != whole(name):
        raise UsageError(f"{name} are chosen records", hint="choose them again, of the dataset")
    roles = {column: Role(role) for column, role in dataset.columns.items()}

    def found(report: EnrolReport) -> None:
        if not report.records:
            raise UsageError(
                f"the sources of dataset {name} hold no record",
                hint="an earlier fingerprint, if there is one, was kept; see sources in the file",
            )

    return take(work, dataset, roles=roles, found=found)


def take(
    work: Work,
    dataset: DatasetConfig,
    *,
    roles: Mapping[str, Role],
    found: Callable[[EnrolReport], None],
    parted: Callable[[SourceRows], SourceRows] = lambda rows: rows,
) -> EnrolReport:
    """Take a fingerprint of what `parted` makes of the sources; raises as `enroll` does.

    `found` is asked when all is read, and raises UsageError where it is not what it was to be.
    """
    name = dataset.name
    key = fingerprint_key(work.state, name, create=True)
    standing = work.state.catalogue(name)
    fresh = standing.with_name(standing.name + ".fresh")
    stores_of = {source.store for source in dataset.sources}
    with opened(stores_of, work.config) as stores, _unsealing(work, dataset) as sources:
        report = enrol(
            [parted(stores[spec.store].source(spec)) for spec in sources],
            roles=roles,
            key=key,
            path=fresh,
            progress=lambda done: work.observer.progress("enroll", units=done),
        )
    try:
        found(report)
    except UsageError:
        fresh.unlink()
        raise
    fresh.replace(standing)
    durable.sync_directory(standing.parent)
    return report


@contextmanager
def _unsealing(work: Work, dataset: DatasetConfig) -> Iterator[list[SourceSpec]]:
    """A dataset's sources, and what opens those that are sealed. Raises KeyStoreError."""
    if not any(spec.sealed for spec in dataset.sources):
        yield list(dataset.sources)
        return
    from shredder.sealing.keys import key_store, keys_of  # noqa: PLC0415 - seldom used

    with keys_of(key_store(work.config, work.state), whole(dataset.name)) as key:
        # Itself and no copy: it is zeroed when this is over.
        yield [replace(spec, keys=(key,) if spec.sealed else ()) for spec in dataset.sources]


def forget_fingerprint(work: Work, name: str) -> int:
    """Destroy a dataset's fingerprint by hand; returns how many files were there. Repeatable.

    Raises UsageError for an unknown dataset, Refused while one of its runs needs it.
    """
    work.dataset(name)
    mine = [run for run in work.journal.runs() if name in {run.dataset, whole(run.dataset)}]
    open_runs = [run for run in mine if not run.phase.ended]
    if open_runs:
        raise Refused(
            f"run {open_runs[0].id} is not at its end, and needs the fingerprint",
            hint="bring it there first: `shredder resume`",
        )
    return destroy_fingerprint(work, name)


def destroy_fingerprint(work: Work, name: str) -> int:
    """Destroy a fingerprint's files, as `forget_fingerprint` does, whatever runs there are."""
    state, standing = work.state, work.state.catalogue(name)
    destroyed = state.fingerprint_destroyed(name)
    if not destroyed.exists():
        durable.write(destroyed, [clock.now().encode("ascii") + b"\n"])
    # Killed from here on: it counts as destroyed, and the command repeated ends it. The key goes
    # first, for without it the catalogue says nothing.
    fresh = standing.with_name(standing.name + ".fresh")
    key = state.fingerprint_key(name)
    # What sweeps remember by it, with what SQLite leaves beside it after a kill.
    swept = state.ledger(name)
    leftover = swept.with_name(swept.name + "-journal")
    paths = (key, standing, unfinished(standing), fresh, unfinished(fresh), swept, leftover)
    gone = sum(durable.destroy(path) for path in (*paths, state.record_paths(name)))
    for selection in sorted(standing.parent.glob(f"{name}{MARK}*{standing.suffix}")):
        gone += destroy_fingerprint(work, selection.stem)  # what is chosen of it is of it
    work.observer.event("fingerprint-destroyed", dataset=name, files=gone)
    return gone
