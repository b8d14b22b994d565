"""Looking again after a destruction, trusting nothing that destroying said.

The keys and the uploads are listed until two listings in a row agree, and every version that is
not listed is asked for by its id. What appeared on a key since the plan was made is examined like
any unit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from backends.contract import Finding, Matcher, Order, Unit, Verification
from backends.errors import BackendError
from backends.s3._bucket import Bucket
from backends.s3._delete import head_status
from backends.s3._examine import examine
from backends.s3._listing import THREADS
from backends.s3._model import MARKER, OBJECT, UPLOAD, Entry, Pending, Version, key_of

_LOOKS = 4
_Uploads = Mapping[str, Sequence[Pending]]
_Listed = Mapping[str, tuple[Entry, ...] | None]  # None: no two listings agree


def verify(
    bucket: Bucket, orders: Sequence[Order], matcher: Matcher, *, quietly: bool = False
) -> dict[str, Verification]:
    """Look for what survives of each order's holding; by order id. Errors are inconclusive.

    `quietly`: do not ask for a version whose key holds records, for the server would log that.
    """
    try:
        keys = {key_of(bucket.name, order.holding.locator) for order in orders}
        uploads = _agreed_uploads(bucket, keys)
        listed = _agreed(bucket, [o for o in orders if o.holding.kind != UPLOAD])
    except BackendError as error:
        return {order.id: _doubt(order, error.code) for order in orders}

    def look(order: Order) -> Verification:
        try:
            if order.holding.kind == UPLOAD:
                return _upload(bucket, order, uploads)
            key = key_of(bucket.name, order.holding.locator)
            entries = listed[key]
            if entries is None:
                return _doubt(order, "listing-unstable")
            if order.holding.kind == MARKER:
                # Asking for a marker by its id tells nothing: it is listed by itself instead.
                return _marker(order, (*entries, *bucket.listing.exact(key)))
            asked = not (quietly and order.holding.details.get("records-in-labels"))
            return _object(bucket, order, entries, uploads, matcher, asked=asked)
        except BackendError as error:
            return _doubt(order, error.code)

    with ThreadPoolExecutor(THREADS) as pool:
        return {found.order: found for found in pool.map(look, orders)}


def _agreed(bucket: Bucket, orders: Sequence[Order]) -> _Listed:
    pending = {key_of(bucket.name, order.holding.locator) for order in orders}
    before = bucket.listing.snapshot(pending)
    agreed: dict[str, tuple[Entry, ...] | None] = {}
    for _ in range(_LOOKS - 1):
        now = bucket.listing.snapshot(pending)
        agreed |= {key: entries for key, entries in now.items() if set(entries) == set(before[key])}
        pending -= agreed.keys()
        if not pending:
            return agreed
        before = now
    return agreed | dict.fromkeys(pending)


def _agreed_uploads(bucket: Bucket, keys: Collection[str]) -> _Uploads | None:
    """The unfinished uploads of these keys; None if the server has no such thing.

    Raises CouldNotTell if no two listings agree. What others upload to other keys does not count.
    """
    before = _uploads(bucket, keys)
    for _ in range(_LOOKS - 1):
        now = _uploads(bucket, keys)
        if now == before:
            return now
        before = now
    raise bucket.listing.broken("changes each time", "listing-unstable")


def _uploads(bucket: Bucket, keys: Collection[str]) -> _Uploads | None:
    found: dict[str, list[Pending]] = {}
    try:
        for pending in bucket.listing.uploads():
            if pending.key in keys:
                found.setdefault(pending.key, []).append(pending)
    except BackendError as error:
        if error.code != "unsupported":
            raise
        return None
    return found


def _upload(bucket: Bucket, order: Order, uploads: _Uploads | None) -> Verification:
    key = key_of(bucket.name, order.holding.locator)
    upload_id = order.holding.version.split(" ", 1)[0]
    looked = ("uploads", "parts")
    if any(pending.upload_id == upload_id for pending in (uploads or {}).get(key, ())):
        return Verification(order.id, Finding.RESIDUE, looked, "still-listed")
    parts = bucket.listing.parts(key, upload_id)
    if parts is not None:
        numbers = {"parts": len(parts)}
        return Verification(order.id, Finding.RESIDUE, looked, "parts-left", numbers)
    return Verification(order.id, Finding.ABSENT, looked)


def _marker(order: Order, entries: Sequence[Entry]) -> Verification:
    version = Version.parse(order.holding.version)
    left = any((e.version_id, e.kind) == (version.version_id, MARKER) for e in entries)
    if left:
        return Verification(order.id, Finding.RESIDUE, ("listing",), "still-listed")
    return Verification(order.id, Finding.ABSENT, ("listing",))


def _object(
    bucket: Bucket,
    order: Order,
    entries: Sequence[Entry],
    uploads: _Uploads | None,
    matcher: Matcher,
    *,
    asked: bool,
) -> Verification:
    holding, version = order.holding, Version.parse(order.holding.version)
    key = key_of(bucket.name, holding.locator)
    looked = ("listing", *(("head",) if asked else ()), *(() if uploads is None else ("uploads",)))
    newest = int(holding.details.get("newest", version.modified))
    known = str(holding.details.get("newest-ids", version.version_id)).split(" ")
    fresh: list[Entry] = []
    there = False
    for entry in entries:
        if entry.kind == OBJECT and entry.version_id == version.version_id:
            if entry.etag == version.etag:
                return Verification(order.id, Finding.RESIDUE, looked, "still-listed")
            there = True
            fresh.append(entry)
        elif entry.kind == OBJECT and (
            entry.modified > newest or (entry.modified == newest and entry.version_id not in known)
        ):
            fresh.append(entry)
    if asked and not there:
        status = head_status(bucket, key, version.version_id)
        if status == 200:
            return Verification(order.id, Finding.RESIDUE, looked, "still-readable")
        if status not in {404, 405}:
            return _doubt(order, "access-denied" if status == 403 else "request-refused")
    for entry in fresh:
        unit = Unit(bucket.name, holding.locator, entry.version, OBJECT, entry.size, entry.cursor)
        seen = examine(bucket, unit, matcher)
        if any(found.records for found in seen.holdings):
            numbers = {"records": sum(found.records or 0 for found in seen.holdings)}
            return Verification(order.id, Finding.RESIDUE, looked, "records-at-the-key", numbers)
        if seen.gap is not None:
            return _doubt(order, seen.gap.reason)
    # Holdings of their own, or gaps of the next sweep: no part of them can be read.
    unfinished = len((uploads or {}).get(key, ()))
    return Verification(
        order.id, Finding.ABSENT, looked, numbers={"uploads-at-the-key": unfinished}
    )


def _doubt(order: Order, reason: str) -> Verification:
    return Verification(order.id, Finding.INCONCLUSIVE, (), reason)
