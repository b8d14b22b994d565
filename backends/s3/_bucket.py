"""What a bucket's own configuration says about deleting from it. Read once in a store's life."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backends.s3._connections import Connections
from backends.s3._errors import code_of, is_denied, is_unsupported, speaking, status_of
from backends.s3._listing import Listing
from backends.s3._surroundings import Surroundings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_CONFIGURED = frozenset(
    {
        "InvalidRequest",  # "Bucket is missing Object Lock Configuration"
        "NoSuchObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
    }
)


@dataclass(frozen=True)
class Bucket:
    """One bucket, and what is known of it. None in an answer: the server does not tell."""

    client: S3Client = field(repr=False)
    name: str
    store: str
    connections: Connections = field(repr=False)  # for reading objects; all buckets share them
    ours: Callable[[str], bool] = field(repr=False)  # whether a bucket is the store's

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"store {self.store}, bucket {self.name}"

    @cached_property
    def listing(self) -> Listing:
        """Its listing."""
        return Listing(self.client, self.name, self.where)

    @cached_property
    def versioning(self) -> Mapping[str, Any] | None:
        """The answer of GetBucketVersioning."""
        return self._configuration(self.client.get_bucket_versioning)

    @property
    def versioning_state(self) -> str:
        """One of ``enabled``, ``suspended``, ``never``, ``unknown``."""
        if self.versioning is None:
            return "unknown"
        return str(self.versioning.get("Status", "never")).lower()

    @property
    def mfa_delete(self) -> bool:
        """Whether deleting a version takes a second factor, which this backend never has."""
        return (self.versioning or {}).get("MFADelete") == "Enabled"

    @cached_property
    def locks(self) -> bool | None:
        """Whether Object Lock is on."""
        answer = self._configuration(self.client.get_object_lock_configuration)
        if answer is None:
            return None
        configured: Mapping[str, Any] = answer.get("ObjectLockConfiguration", {})
        return bool(configured.get("ObjectLockEnabled") == "Enabled")

    @cached_property
    def surroundings(self) -> Surroundings:
        """Where else copies of its objects may be."""
        return Surroundings(self.client, self.name, self.where, self.ours)

    def _configuration(self, call: Callable[..., Any]) -> Mapping[str, Any] | None:
        """Nothing in it where nothing is configured or the server has no such feature."""
        with speaking(self.where):
            try:
                answer: Mapping[str, Any] = call(Bucket=self.name)
            except ClientError as error:
                if code_of(error) in _NOT_CONFIGURED or is_unsupported(error):
                    return {}
                if is_denied(error) or status_of(error) == 400:
                    return None
                raise
        return answer
