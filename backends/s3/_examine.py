"""Examining one version: its content and what is written on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.contract import (
    CoverageStatus,
    Evidence,
    Examination,
    Gap,
    Holding,
    Matcher,
    Technique,
    Unit,
    Verdict,
    strongest,
)
from backends.s3._bucket import Bucket
from backends.s3._content import Unreadable, read
from backends.s3._labels import evidence_in, labels, tags_of
from backends.s3._lock import UNKNOWN, lock_of
from backends.s3._model import MARKER, Version, key_of

REPLICAS = "s3-provider-replicas"
_TELLING = {"Restore": "restore", "Expiration": "expiration"}  # headers, and names in details
_NOTHING = Evidence(windows=0, matched=0, records=0, person=0, foreign=0, blank=0, verdict=None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one unit showed."""

    content: Evidence
    foreign: int | None  # records of others in the content; None: unknown
    written: Evidence  # in the key, metadata and tags
    etag: str
    modified: int
    size: int | None = None  # bytes that were read; None: the server keeps them from us
    reason: str = ""  # why it was not examined in full
    limitations: tuple[str, ...] = ()  # codes
    details: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False  # the content, to the dataset's key alone

    @property
    def verdict(self) -> Verdict | None:
        return strongest((self.content.verdict, self.written.verdict))


def examine(bucket: Bucket, unit: Unit, matcher: Matcher) -> Examination:
    """Look for the dataset in one version, or in the key of one delete marker."""
    key, version = key_of(bucket.name, unit.locator), Version.parse(unit.version)
    if unit.kind == MARKER:
        written = evidence_in(labels(key, {}, {}), matcher)
        seen = _Seen(_NOTHING, 0, written, version.etag, version.modified)
    else:
        seen = _look(bucket, key, version, matcher, unit.size or 0)
    gap = None
    if seen.reason:
        gap = Gap(unit.scope, CoverageStatus.FAILED, seen.reason, unit.locator)
    holdings: tuple[Holding, ...] = ()
    if seen.verdict is not None:
        holdings = (_holding(bucket, unit, key, version, seen, seen.verdict),)
    return Examination(unit, holdings, gap, seen.size or 0, seen.content.windows)


def glance(bucket: Bucket, unit: Unit, matcher: Matcher) -> bool:
    """Whether nothing of the dataset is in the tags of a version; False if nobody can tell."""
    if unit.kind == MARKER:
        return True
    key, version = key_of(bucket.name, unit.locator), Version.parse(unit.version)
    tags = tags_of(bucket, key, version.version_id, {})
    return tags is not None and evidence_in(labels(key, {}, tags), matcher).verdict is None


def _look(bucket: Bucket, key: str, version: Version, matcher: Matcher, size: int) -> _Seen:
    try:
        content = read(bucket, key, version.version_id, matcher, size)
    except Unreadable as unreadable:
        # The key alone can be evidence, and then what is behind it counts as unknown.
        written = evidence_in(labels(key, {}, {}), matcher)
        return _Seen(
            _NOTHING, None, written, version.etag, version.modified, reason=unreadable.reason
        )
    answer, reading = content.answer, content.reading
    tags = tags_of(bucket, key, version.version_id, answer)
    reason = reading.reason or ("content-mismatch" if content.mismatch else "")
    return _Seen(
        content=reading.evidence,
        foreign=None if reason else reading.foreign_records,
        written=evidence_in(labels(key, answer, tags or {}), matcher),
        etag=str(answer.get("ETag", "")).strip('"'),
        modified=int(answer["LastModified"].timestamp()),
        size=reading.bytes_read,
        reason=reason or ("" if tags is not None else "tags-unread"),
        limitations=(
            *bucket.surroundings.of_object(answer),
            *(("sealed",) if content.sealed else reading.limitations),
        ),
        details={name: str(answer[key]) for key, name in _TELLING.items() if key in answer},
        sealed=reading.sealed,
    )


def _holding(
    bucket: Bucket, unit: Unit, key: str, version: Version, seen: _Seen, verdict: Verdict
) -> Holding:
    lock = lock_of(bucket, key, version.version_id)
    around = bucket.surroundings
    limitations = [REPLICAS, *around.limitations, *seen.limitations]
    if not lock.known:
        limitations.append(UNKNOWN)
    stated = unit.version
    if seen.etag != version.etag:
        # A null version that was overwritten since it was listed: what was read counts.
        stated = f"{version.version_id} {seen.etag} {seen.modified}"
    obstacle = "mfa-delete" if bucket.mfa_delete else "no-record-rewrite" if seen.foreign else ""
    if seen.foreign is None and not obstacle:
        obstacle = "no-record-rewrite"
    return Holding(
        store=bucket.store,
        scope=unit.scope,
        locator=unit.locator,
        version=stated,
        kind=unit.kind,
        verdict=verdict,
        records=max(seen.content.records, seen.written.records),
        foreign_records=seen.foreign,
        size=unit.size if seen.size is None else seen.size,
        whole=None if bucket.mfa_delete else Technique.DELETE_VERSION,
        obstacle=obstacle,
        retained_until=lock.until,
        retention=lock.retention,
        limitations=tuple(limitations),
        details={
            "versioning": bucket.versioning_state,
            "records-in-labels": seen.written.records,
            **around.details,
            **seen.details,
            **_company(bucket, key, unit.kind),
        },
        signs=(seen.content if seen.content.verdict else seen.written).signs,
        sealed=seen.sealed and seen.written.verdict is None,
    )


def _company(bucket: Bucket, key: str, kind: str) -> dict[str, str | int]:
    """The newest that the key has: verification tells from it what has come since.

    Listings tell time to the second, so that all of the newest second are named.
    """
    if kind == MARKER or bucket.versioning_state == "never":
        return {}
    entries = bucket.listing.exact(key)
    newest = max((entry.modified for entry in entries), default=0)
    ids = sorted(entry.version_id for entry in entries if entry.modified == newest)
    return {"newest": newest, "newest-ids": " ".join(ids)}
