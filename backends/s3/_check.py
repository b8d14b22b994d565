"""What ``shredder doctor`` says of a store of this kind. Only asks; never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from botocore.exceptions import ClientError

from backends.contract import Check, CheckStatus, Scope
from backends.errors import AccessDenied, BackendError
from backends.s3._bucket import Bucket
from backends.s3._errors import is_denied, is_gone, speaking
from backends.s3._features import (
    ACCESS_LOGS,
    INVENTORY,
    LIFECYCLE,
    METADATA_TABLES,
    NOTIFICATIONS,
    REPLICATION,
    State,
)

_MEANINGS = {
    REPLICATION: "configured: deleting here does not delete in the destination",
    INVENTORY: "configured: reports list keys in another place",
    ACCESS_LOGS: "configured: the logs hold keys, also of what is deleted",
    NOTIFICATIONS: "configured: keys are sent elsewhere",
    METADATA_TABLES: "configured: tables hold keys, metadata and tags",
    LIFECYCLE: "configured: rules move or expire objects; what they have not done yet is not done",
}


def check_buckets(scopes: Sequence[Scope], bucket_of: Callable[[str], Bucket]) -> Iterator[Check]:
    """Say of each bucket which rights are there and what its configuration means."""
    for scope in scopes:
        what = f"bucket {scope.name}"
        if scope.problem:
            hint = {
                "access-denied": "grant s3:ListBucketVersions, or take it out of buckets",
                "directory-bucket": "take it out of buckets, and look into it by other means",
                "directory-buckets-not-listed": "grant s3express:ListAllMyDirectoryBuckets",
                "no-such-bucket": "correct buckets",
                "no-matching-bucket": "correct buckets, or grant s3:ListAllMyBuckets",
            }.get(scope.problem, "")
            yield Check(what, CheckStatus.FAILED, scope.problem, hint)
            continue
        yield Check(f"{what}: list versions", CheckStatus.OK)
        bucket = bucket_of(scope.name)
        yield from _rights(bucket, what)
        yield _untried(what)
        yield from _configuration(bucket, what)


def _rights(bucket: Bucket, what: str) -> Iterator[Check]:
    yield _right(
        f"{what}: list unfinished uploads",
        "s3:ListBucketMultipartUploads",
        lambda: next(bucket.listing.uploads(), None),
    )
    probe = _some_version(bucket)
    if probe is None:
        yield Check(f"{what}: read versions and tags", CheckStatus.OK, "nothing to try it on")
        return
    key, version_id = probe
    client = bucket.client
    for text, right, call in (
        ("read versions", "s3:GetObjectVersion", client.head_object),
        ("read tags", "s3:GetObjectVersionTagging", client.get_object_tagging),
    ):
        yield _right(
            f"{what}: {text}",
            right,
            lambda call=call: call(Bucket=bucket.name, Key=key, VersionId=version_id),  # type: ignore[misc]
            bucket.where,
        )


def _untried(what: str) -> Check:
    rights = "s3:DeleteObject, s3:DeleteObjectVersion, s3:AbortMultipartUpload"
    return Check(f"{what}: delete", CheckStatus.OK, f"not tried, for it deletes; needs {rights}")


def _some_version(bucket: Bucket) -> tuple[str, str] | None:
    for entry in bucket.listing.page(size=100).entries:
        if entry.etag:
            return entry.key, entry.version_id
    return None


def _right(what: str, right: str, call: Callable[[], object], where: str = "") -> Check:
    try:
        with speaking(where):
            try:
                call()
            except ClientError as error:
                if is_denied(error):
                    return Check(what, CheckStatus.MISSING, "refused", f"grant {right}")
                if not is_gone(error):
                    return Check(what, CheckStatus.MISSING, "could not be tried")
    except AccessDenied:
        return Check(what, CheckStatus.MISSING, "refused", f"grant {right}")
    except BackendError as error:
        return Check(what, CheckStatus.MISSING, error.code)
    return Check(what, CheckStatus.OK)


def _configuration(bucket: Bucket, what: str) -> Iterator[Check]:
    state = bucket.versioning_state
    if state == "unknown":
        yield Check(
            f"{what}: versioning", CheckStatus.MISSING, "refused", "grant s3:GetBucketVersioning"
        )
    else:
        yield Check(f"{what}: versioning", CheckStatus.OK, state)
    if bucket.mfa_delete:
        yield Check(
            f"{what}: MFA delete",
            CheckStatus.MISSING,
            "on: no version can be deleted from here",
            "the bucket owner's root user can switch it off",
        )
    if bucket.locks is None:
        yield Check(
            f"{what}: Object Lock",
            CheckStatus.MISSING,
            "refused",
            "grant s3:GetBucketObjectLockConfiguration",
        )
    else:
        said = "on: locked versions are reported as retained" if bucket.locks else "off"
        yield Check(f"{what}: Object Lock", CheckStatus.OK, said)
    for feature, told in bucket.surroundings.told.items():
        text = f"{what}: {feature.name}"
        if told.state is State.UNREAD:
            yield Check(text, CheckStatus.MISSING, "refused", f"grant {feature.right}")
        elif told.state is State.UNSUPPORTED:
            yield Check(text, CheckStatus.OK, "the server knows no such request")
        else:
            yield Check(text, CheckStatus.OK, _MEANINGS[feature] if told.places else "none")
