"""Destroying: versions and markers by exact key and id, uploads by their id. Never by prefix.

Before anything goes, the exact keys are listed and compared with the plan; afterwards they are
listed again, and only what is not listed any more counts as destroyed, whatever the answer to the
deletion said. Markers go last, and not while that would bring an older version back to light.

A crash at any point leaves versions that are there or are gone; repeating the orders finds the
latter absent. A version with an id never changes. A ``null`` version can be overwritten between
the comparison and its deletion: where it is the current one, the deletion carries its ETag as a
condition, which AWS evaluates for current versions only; a non-current one is not protected.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.contract import Destruction, Holding, Order, Result, Technique
from backends.errors import BackendError
from backends.s3._abort import abort
from backends.s3._bucket import Bucket
from backends.s3._delete import Target, delete, head_status
from backends.s3._lock import lock_of
from backends.s3._model import MARKER, OBJECT, UPLOAD, Entry, Version, key_of

_Snapshot = Mapping[str, Sequence[Entry]]
UNCOVERS = "s3-older-version-becomes-current"
_LOOKS = 3
_PAUSE = 0.2  # seconds between looks


def destroy(bucket: Bucket, orders: Sequence[Order]) -> dict[str, Destruction]:
    """Carry out the orders on one bucket; by order id."""
    done: dict[str, Destruction] = {}
    by_kind: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        refusal = _refusal(order)
        if refusal:
            done[order.id] = Destruction(order.id, Result.FAILED, reason=refusal)
        else:
            by_kind[order.holding.kind].append(order)
    steps: Sequence[tuple[str, Callable[[Bucket, Sequence[Order]], dict[str, Destruction]]]] = (
        (UPLOAD, abort),
        (OBJECT, _objects),
        (MARKER, _markers),  # last: see above
    )
    for kind, step in steps:
        chosen = by_kind[kind]
        try:
            done |= step(bucket, chosen) if chosen else {}
        except BackendError as error:
            if not any(d.result is not Result.FAILED for d in done.values()):
                raise  # nothing was achieved, and nothing is known
            for order in chosen:
                done[order.id] = Destruction(order.id, Result.FAILED, reason=error.code)
    return done


def _refusal(order: Order) -> str:
    holding = order.holding
    if holding.kind not in {OBJECT, MARKER, UPLOAD}:
        return "unknown-kind"
    wanted = Technique.ABORT_UPLOAD if holding.kind == UPLOAD else Technique.DELETE_VERSION
    if order.technique is not wanted:
        return "technique-not-offered"
    if holding.mixed and not order.whole:
        return "no-record-rewrite"
    return ""


def _objects(bucket: Bucket, orders: Sequence[Order]) -> dict[str, Destruction]:
    done: dict[str, Destruction] = {}
    targets: dict[str, Target] = {}
    before = bucket.listing.snapshot(_keys(bucket, orders), expected=True)
    for order in orders:
        key, version = _place(bucket, order.holding)
        entry = _find(before[key], version, OBJECT)
        if entry is None:
            done[order.id] = _absent(bucket, order, key, version)
        elif _altered(entry, order.holding, version):
            done[order.id] = Destruction(order.id, Result.CHANGED, reason="overwritten")
        else:
            targets[order.id] = Target(entry)
    return {**done, **_deleted(bucket, orders, targets)}


def _markers(bucket: Bucket, orders: Sequence[Order]) -> dict[str, Destruction]:
    done: dict[str, Destruction] = {}
    targets: dict[str, Target] = {}
    before = bucket.listing.snapshot(_keys(bucket, orders), expected=True)
    for order in orders:
        key, version = _place(bucket, order.holding)
        entry = _find(before[key], version, MARKER)
        if entry is None:
            done[order.id] = Destruction(order.id, Result.ALREADY_ABSENT)
        elif entry.modified != version.modified:
            done[order.id] = Destruction(order.id, Result.CHANGED, reason="overwritten")
        elif any(e.kind == OBJECT for e in before[key]) and _covers(before[key]):
            done[order.id] = Destruction(order.id, Result.FAILED, reason="would-uncover-a-version")
        else:
            targets[order.id] = Target(entry)
    return {**done, **_deleted(bucket, orders, targets)}


def _deleted(
    bucket: Bucket, orders: Sequence[Order], targets: dict[str, Target]
) -> dict[str, Destruction]:
    """Delete what orders aim at, and list again until it is settled what became of it."""
    errors = delete(bucket, list(targets.values()))
    after = _settled(bucket, list(targets.values()))
    return {
        order.id: _outcome(bucket, order, target.entry, after[target.entry.key], errors)
        for order in orders
        if (target := targets.get(order.id)) is not None
    }


def _covers(entries: Sequence[Entry]) -> bool:
    """Whether the key's current state is deleted: a marker is the latest, or none says it is."""
    latest = [entry for entry in entries if entry.latest]
    return not latest or latest[0].kind == MARKER


def _outcome(
    bucket: Bucket, order: Order, entry: Entry, left: Sequence[Entry], errors: Mapping[Any, str]
) -> Destruction:
    holding = order.holding
    code = errors.get((entry.key, entry.version_id)) or errors.get((entry.key, ""), "")
    now = _find(left, Version(entry.version_id, entry.etag, entry.modified), entry.kind)
    if now is None and code and head_status(bucket, entry.key, entry.version_id) == 200:
        now = entry  # refused, and overlooked by the listing
    if now is None:
        if code in {"PreconditionFailed", "AccessDenied"}:  # it went, and not by this order
            return Destruction(order.id, Result.ALREADY_ABSENT)
        uncovers = entry.latest and any(e.kind == OBJECT for e in left)
        return Destruction(
            order.id,
            Result.DESTROYED,
            limitations=(*holding.limitations, *([UNCOVERS] if uncovers else [])),
            numbers={"bytes": entry.size},
        )
    if code == "PreconditionFailed" or now.etag != entry.etag:
        return Destruction(order.id, Result.CHANGED, reason="overwritten")
    if not code:  # the server reported success
        return Destruction(order.id, Result.FAILED, reason="still-listed")
    lock = lock_of(bucket, entry.key, entry.version_id)
    if lock.retention:
        return Destruction(order.id, Result.RETAINED, reason=lock.retention, until=lock.until)
    reasons = {"AccessDenied": "access-denied", "InvalidRequest": "request-refused"}
    return Destruction(order.id, Result.FAILED, reason=reasons.get(code, "server-error"))


def _absent(bucket: Bucket, order: Order, key: str, version: Version) -> Destruction:
    """It is not listed: gone only if asking for it says the same."""
    status = head_status(bucket, key, version.version_id)
    if status in {404, 405}:  # 405: a null marker has taken the place of a null version
        return Destruction(order.id, Result.ALREADY_ABSENT)
    reasons = {200: "listing-incomplete", 403: "access-denied"}
    reason = reasons.get(status, "request-refused")
    return Destruction(order.id, Result.FAILED, reason=reason)


def _altered(entry: Entry, holding: Holding, version: Version) -> bool:
    if entry.etag != version.etag:
        return True
    if holding.size is not None and entry.size != holding.size:
        return True
    return version.version_id == "null" and entry.modified != version.modified


def _settled(bucket: Bucket, targets: Sequence[Target]) -> _Snapshot:
    """List the keys again; some servers take a moment to stop showing what they deleted."""
    keys = {target.entry.key for target in targets}
    after = dict(bucket.listing.snapshot(keys))
    for _ in range(_LOOKS - 1):
        pending = {
            target.entry.key
            for target in targets
            if any(
                (e.version_id, e.kind) == (target.entry.version_id, target.entry.kind)
                for e in after[target.entry.key]
            )
        }
        if not pending:
            break
        time.sleep(_PAUSE)
        after |= bucket.listing.snapshot(pending)
    return after


def _find(entries: Sequence[Entry], version: Version, kind: str) -> Entry | None:
    for entry in entries:
        if entry.version_id == version.version_id and entry.kind == kind:
            return entry
    return None


def _keys(bucket: Bucket, orders: Sequence[Order]) -> list[str]:
    return [key_of(bucket.name, order.holding.locator) for order in orders]


def _place(bucket: Bucket, holding: Holding) -> tuple[str, Version]:
    return key_of(bucket.name, holding.locator), Version.parse(holding.version)
