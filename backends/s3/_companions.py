"""What goes along with holdings: delete markers on their keys, and unfinished uploads."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from backends.contract import Holding, Technique, Verdict
from backends.errors import CouldNotTell
from backends.s3._bucket import Bucket
from backends.s3._examine import REPLICAS
from backends.s3._model import (
    MARKER,
    OBJECT,
    UPLOAD,
    Entry,
    Part,
    Pending,
    Version,
    key_of,
    locator,
    upload_version,
)

NO_UPLOADS = frozenset({"access-denied", "unsupported"})  # told of each bucket, as a gap
_MD5 = re.compile(r"[0-9a-f]{32}")
_CHUNK = 1 << 20
_GROUP = 500  # keys listed at once: bounds memory


def companions(bucket: Bucket, holdings: Sequence[Holding]) -> Iterator[Holding]:
    """Yield the markers on the keys of these holdings of one bucket, and its uploads."""
    by_key: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        if holding.scope == bucket.name and holding.kind != UPLOAD:
            by_key[key_of(bucket.name, holding.locator)].append(holding)
    known = {(h.locator, h.version) for h in holdings}
    for companion in itertools.chain(_markers(bucket, by_key), _uploads(bucket, by_key)):
        if (companion.locator, companion.version) not in known:
            yield companion


def _markers(bucket: Bucket, by_key: Mapping[str, Sequence[Holding]]) -> Iterator[Holding]:
    keys = sorted(key for key, held in by_key.items() if any(h.kind == OBJECT for h in held))
    for start in range(0, len(keys), _GROUP):
        listed = bucket.listing.snapshot(keys[start : start + _GROUP], expected=True)
        for key, entries in listed.items():
            verdict = Verdict.COPY if _all_go(entries, by_key[key]) else Verdict.LIKELY
            for entry in entries:
                if entry.kind == MARKER:
                    yield _marker(bucket, entry, verdict)


def _all_go(entries: Sequence[Entry], held: Sequence[Holding]) -> bool:
    """Whether every version with data is a holding that goes as a whole by plan."""
    going = {
        Version.parse(h.version).version_id
        for h in held
        if h.kind == OBJECT
        and h.verdict is Verdict.COPY
        and not h.mixed
        and h.whole
        and not h.retention
    }
    return all(entry.version_id in going for entry in entries if entry.kind == OBJECT)


def _marker(bucket: Bucket, entry: Entry, verdict: Verdict) -> Holding:
    return Holding(
        store=bucket.store,
        scope=bucket.name,
        locator=locator(bucket.name, entry.key),
        version=entry.version,
        kind=MARKER,
        verdict=verdict,
        records=0,
        foreign_records=0,
        size=0,
        whole=None if bucket.mfa_delete else Technique.DELETE_VERSION,
        obstacle="mfa-delete" if bucket.mfa_delete else "",
        limitations=(REPLICAS, *bucket.surroundings.limitations),
        details={"versioning": bucket.versioning_state, **bucket.surroundings.details},
    )


def _uploads(bucket: Bucket, by_key: Mapping[str, Sequence[Holding]]) -> Iterator[Holding]:
    for pending in _listed(bucket):
        parts = bucket.listing.parts(pending.key, pending.upload_id)
        if parts is None:  # completed or aborted since
            continue
        held = [h for h in by_key.get(pending.key, ()) if h.kind == OBJECT]
        yield _upload(bucket, pending, parts, held)


def _listed(bucket: Bucket) -> Iterator[Pending]:
    try:
        yield from bucket.listing.uploads()
    except CouldNotTell as error:
        if error.code not in NO_UPLOADS:
            raise


def _upload(
    bucket: Bucket, pending: Pending, parts: Sequence[Part], held: Sequence[Holding]
) -> Holding:
    # A holding that is the dataset's alone: whatever equals a stretch of it is, too.
    pure = [h for h in held if h.verdict is Verdict.COPY and not h.mixed]
    proven = bool(parts) and any(_holds(bucket, pending.key, h, parts) for h in pure)
    verdict = Verdict.COPY if proven else Verdict.LIKELY if held else Verdict.MAYBE
    return Holding(
        store=bucket.store,
        scope=bucket.name,
        locator=locator(bucket.name, pending.key),
        version=upload_version(pending.upload_id, parts),
        kind=UPLOAD,
        verdict=verdict,
        records=None if parts else 0,
        foreign_records=0 if proven or not parts else None,
        size=sum(part.size for part in parts),
        whole=Technique.ABORT_UPLOAD,
        obstacle="" if proven or not parts else "upload-unreadable",
        limitations=(REPLICAS, *bucket.surroundings.limitations),
        details={
            "parts": len(parts),
            "initiated": pending.initiated,
            **bucket.surroundings.details,
        },
    )


def _holds(bucket: Bucket, key: str, holding: Holding, parts: Sequence[Part]) -> bool:
    """Whether each part equals the stretch of this holding that it would become.

    The ETag of a part is the MD5 of its bytes, unless they are encrypted under a KMS key or a
    customer's; then it equals nothing and nothing is proved. Parts before the first one that is
    there are taken to have its size, as clients upload them; a false guess proves nothing.
    """
    if not all(_MD5.fullmatch(part.etag) for part in parts) or holding.size is None:
        return False
    offset = (parts[0].number - 1) * parts[0].size
    for number, part in enumerate(parts, parts[0].number):
        if part.number != number or offset + part.size > holding.size:
            return False
        if _md5(bucket, key, holding, offset, part.size) != part.etag:
            return False
        offset += part.size
    return True


def _md5(bucket: Bucket, key: str, holding: Holding, offset: int, size: int) -> str:
    """The MD5 of a stretch; empty if it cannot be read: then nothing is proved."""
    digest = hashlib.md5(usedforsecurity=False)
    if size:
        version = Version.parse(holding.version)
        try:
            answer = bucket.client.get_object(
                Bucket=bucket.name,
                Key=key,
                VersionId=version.version_id,
                IfMatch=f'"{version.etag}"',
                Range=f"bytes={offset}-{offset + size - 1}",
            )
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    digest.update(chunk)
        except (BotoCoreError, ClientError, HTTPError, OSError, CouldNotTell):
            return ""
    return digest.hexdigest()
