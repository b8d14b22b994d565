"""Object Lock on one version: what forbids deleting it, and until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from backends.s3._bucket import Bucket
from backends.s3._errors import code_of, is_denied, is_gone, is_unsupported, speaking, status_of
from backends.s3._model import server_time, stamp

UNKNOWN = "s3-lock-state-unknown"
_NOT_LOCKED = frozenset(
    {
        "InvalidRequest",  # the bucket has no lock at all
        "NoSuchObjectLegalHold",
        "NoSuchObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
    }
)


@dataclass(frozen=True, slots=True)
class Lock:
    """`retention` is a code, empty if nothing forbids deletion; `until` is RFC 3339 UTC."""

    retention: str = ""
    until: str = ""
    known: bool = True  # False: the server does not let us see it


def lock_of(bucket: Bucket, key: str, version_id: str) -> Lock:
    """Ask for the lock of one version."""
    if bucket.locks is False:
        return Lock()
    client = bucket.client
    retention = _ask(bucket, client.get_object_retention, key, version_id)
    hold = _ask(bucket, client.get_object_legal_hold, key, version_id)
    code = until = ""
    terms = (retention or {}).get("Retention", {})
    if terms.get("RetainUntilDate") is not None:
        end = int(terms["RetainUntilDate"].timestamp())
        if end > server_time(retention or {}):
            code = f"object-lock-{str(terms.get('Mode', 'compliance')).lower()}"
            until = stamp(end)
    if (hold or {}).get("LegalHold", {}).get("Status") == "ON":
        code = "legal-hold"  # has no end of its own
    return Lock(code, until, known=retention is not None and hold is not None)


def _ask(
    bucket: Bucket, call: Callable[..., Any], key: str, version_id: str
) -> Mapping[str, Any] | None:
    with speaking(bucket.where):
        try:
            answer: Mapping[str, Any] = call(Bucket=bucket.name, Key=key, VersionId=version_id)
        except ClientError as error:
            if code_of(error) in _NOT_LOCKED or is_gone(error) or is_unsupported(error):
                return {}
            if is_denied(error) or status_of(error) == 400:
                return None
            raise
    return answer
