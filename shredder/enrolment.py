"""Taking a dataset's fingerprint from its configured sources."""

from __future__ import annotations

from backends.contract import SourceRows
from shredder import durable
from shredder.errors import UsageError
from shredder.fingerprint import EnrolReport, Role, enrol
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
    key = fingerprint_key(work.state, name, create=True)
    standing = work.state.catalogue(name)
    fresh = standing.with_name(standing.name + ".fresh")
    with opened({source.store for source in dataset.sources}, work.config) as stores:
        rows: list[SourceRows] = [stores[spec.store].source(spec) for spec in dataset.sources]
        report = enrol(
            rows,
            roles={column: Role(role) for column, role in dataset.columns.items()},
            key=key,
            path=fresh,
            progress=lambda done: work.observer.progress("enroll", units=done),
        )
    if not report.records:
        fresh.unlink()
        raise UsageError(
            f"the sources of dataset {name} hold no record",
            hint="an earlier fingerprint, if there is one, was kept; see sources in the file",
        )
    fresh.replace(standing)
    durable.sync_directory(standing.parent)
    return report
