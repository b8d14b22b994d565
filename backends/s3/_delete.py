"""The requests that delete, and the one that asks whether something is still there."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backends.s3._bucket import Bucket
from backends.s3._errors import code_of, is_denied, is_gone, speaking, status_of
from backends.s3._model import OBJECT, Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH = 1000  # keys that DeleteObjects takes


@dataclass(frozen=True, slots=True)
class Target:
    """One version or marker to delete, as it was listed just now."""

    entry: Entry

    @property
    def identity(self) -> tuple[str, str]:
        """What the server answers about."""
        return self.entry.key, self.entry.version_id

    @property
    def condition(self) -> str:
        """The ETag that must still be there; empty where none can be demanded."""
        entry = self.entry
        replaceable = entry.version_id == "null" and entry.latest and entry.kind == OBJECT
        return f'"{entry.etag}"' if replaceable and entry.etag else ""

    @property
    def fits_xml(self) -> bool:
        """Whether XML 1.0 can hold the key, and no parser will alter it."""
        return all(c.isprintable() for c in self.entry.key)


def delete(bucket: Bucket, targets: Sequence[Target]) -> Mapping[tuple[str, str], str]:
    """Delete exactly these; return the server's error codes, by key and version id.

    The id is empty where the server left it out. That there is no code for a version says no
    more than that the server reported no error.
    """
    errors: dict[tuple[str, str], str] = {}
    batch = [target for target in targets if target.fits_xml]
    for start in range(0, len(batch), BATCH):
        errors |= _delete_batch(bucket, batch[start : start + BATCH])
    for target in targets:
        if not target.fits_xml:
            errors |= _delete_one(bucket, target)
    return errors


def _delete_batch(bucket: Bucket, targets: Sequence[Target]) -> dict[tuple[str, str], str]:
    objects: list[dict[str, str]] = []
    for target in targets:
        key, version_id = target.identity
        named = {"Key": key, "VersionId": version_id}
        objects.append(named | ({"ETag": target.condition} if target.condition else {}))
    wanted: Any = {"Objects": objects, "Quiet": False}
    with speaking(bucket.where):
        answer = bucket.client.delete_objects(Bucket=bucket.name, Delete=wanted)
    return {
        (error.get("Key", ""), error.get("VersionId", "")): error.get("Code", "unknown")
        for error in answer.get("Errors", ())
    }


def _delete_one(bucket: Bucket, target: Target) -> dict[tuple[str, str], str]:
    key, version_id = target.identity
    condition: Any = {"IfMatch": target.condition} if target.condition else {}
    with speaking(bucket.where):
        try:
            bucket.client.delete_object(
                Bucket=bucket.name, Key=key, VersionId=version_id, **condition
            )
        except ClientError as error:
            if is_denied(error) or status_of(error) in {400, 404, 409, 412}:
                return {target.identity: code_of(error)}
            raise
    return {}


def head_status(bucket: Bucket, key: str, version_id: str) -> int:
    """The HTTP status of asking for one version: 200, 404, 405 (a marker) or 403."""
    with speaking(bucket.where):
        try:
            bucket.client.head_object(Bucket=bucket.name, Key=key, VersionId=version_id)
        except ClientError as error:
            if is_gone(error):
                return 404
            if is_denied(error):
                return 403
            if status_of(error) in {400, 405}:
                return status_of(error)
            raise
    return 200


def add_content_md5(client: S3Client) -> None:
    """Have batches of deletions carry Content-MD5, which older servers insist on.

    botocore sends a newer checksum only. Registered last: other handlers still edit the body.
    """

    def add(params: MutableMapping[str, Any], **_: object) -> None:
        body = params["body"]
        data = body if isinstance(body, bytes) else str(body).encode()
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        params["headers"]["Content-MD5"] = b64encode(digest).decode()

    client.meta.events.register_last("before-call.s3.DeleteObjects", add)
