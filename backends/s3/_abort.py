"""Aborting unfinished uploads."""

from __future__ import annotations

import time
from collections.abc import Sequence

from botocore.exceptions import ClientError

from backends.contract import Destruction, Order, Result
from backends.errors import BackendError
from backends.s3._bucket import Bucket
from backends.s3._errors import is_denied, is_gone, speaking
from backends.s3._model import key_of, upload_version

_ATTEMPTS = 5
_PAUSE = 0.2  # seconds


def abort(bucket: Bucket, orders: Sequence[Order]) -> dict[str, Destruction]:
    """Abort each upload, until it is neither known by its id nor listed."""
    return {order.id: _abort(bucket, order) for order in orders}


def is_listed(bucket: Bucket, key: str, upload_id: str) -> bool:
    """Whether the listing of this key's uploads shows it."""
    return any(
        (found.key, found.upload_id) == (key, upload_id) for found in bucket.listing.uploads(key)
    )


def _abort(bucket: Bucket, order: Order) -> Destruction:
    holding = order.holding
    key = key_of(bucket.name, holding.locator)
    upload_id = holding.version.split(" ", 1)[0]
    parts = bucket.listing.parts(key, upload_id)
    if parts is None:
        if is_listed(bucket, key, upload_id):
            return Destruction(order.id, Result.FAILED, reason="still-listed")
        return Destruction(order.id, Result.ALREADY_ABSENT)
    if upload_version(upload_id, parts) != holding.version:
        return Destruction(order.id, Result.CHANGED, reason="parts-added")
    refused = _aborted(bucket, key, upload_id)
    if refused:
        return Destruction(order.id, Result.FAILED, reason=refused)
    return Destruction(
        order.id,
        Result.DESTROYED,
        limitations=holding.limitations,
        numbers={"bytes": sum(part.size for part in parts)},
    )


def is_taken_back(bucket: Bucket, key: str, upload_id: str) -> bool:
    """Abort an upload of one's own; whether nothing of it is left, as far as can be seen."""
    try:
        return not _aborted(bucket, key, upload_id)
    except BackendError:
        return False


def _aborted(bucket: Bucket, key: str, upload_id: str) -> str:
    """Abort until it is gone. Return why it is not; empty if it is. Raises BackendError.

    A part that is under way while the upload is aborted can outlive it: AWS asks to abort and
    list again until there is nothing left (API reference, AbortMultipartUpload).
    """
    for attempt in range(_ATTEMPTS):
        time.sleep(_PAUSE if attempt else 0)
        with speaking(bucket.where):
            try:
                bucket.client.abort_multipart_upload(
                    Bucket=bucket.name, Key=key, UploadId=upload_id
                )
            except ClientError as error:
                if is_denied(error):
                    return "access-denied"
                if not is_gone(error):
                    raise
        if bucket.listing.parts(key, upload_id) is None and not is_listed(bucket, key, upload_id):
            return ""
    return "still-listed"
