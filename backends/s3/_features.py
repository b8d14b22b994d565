"""What a bucket can be configured to send or copy elsewhere, and how to ask for each of it.

That a server knows no such request is told apart from there being nothing: a server that has never
heard of replication may be replicated by other means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backends.errors import CouldNotTell
from backends.s3._errors import code_of, is_denied, is_unsupported, speaking, status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ROOT = "ShredderRoot"  # where `note_roots` leaves the name of an answer's root element
_PAGES = 50  # of 100 configurations: more than a bucket may have


class State(Enum):
    """What a server says of a feature."""

    NONE = "none"
    CONFIGURED = "configured"
    UNREAD = "unread"  # it refuses to tell
    UNSUPPORTED = "unsupported"  # it knows no such request


@dataclass(frozen=True, slots=True)
class Told:
    """`places`: names of the buckets that are sent to; empty for each place that is none."""

    state: State
    places: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """How many places, or rules where these have no place of their own."""
        return len(self.places)


@dataclass(frozen=True, slots=True)
class Feature:
    """One request that tells of a configuration, and how to read the answer."""

    name: str
    operation: str  # of boto3's client
    right: str  # what IAM calls the right to ask
    root: str  # the root element of the answer, or part of its name
    none: str  # the error code that says that there is none; empty: an empty answer does
    places: Callable[[Mapping[str, Any]], Iterator[str]]


def _replication(answer: Mapping[str, Any]) -> Iterator[str]:
    # Rules that are off now have made replicas before.
    for rule in answer.get("ReplicationConfiguration", {}).get("Rules", ()):
        yield _bucket(rule.get("Destination", {}).get("Bucket", ""))


def _inventory(answer: Mapping[str, Any]) -> Iterator[str]:
    for found in answer.get("InventoryConfigurationList", ()):
        where = found.get("Destination", {}).get("S3BucketDestination", {})
        yield _bucket(where.get("Bucket", ""))


def _access_logs(answer: Mapping[str, Any]) -> Iterator[str]:
    if "LoggingEnabled" in answer:
        yield answer["LoggingEnabled"].get("TargetBucket", "")


def _notifications(answer: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("Topic", "Queue", "LambdaFunction"):
        yield from ("" for _ in answer.get(f"{kind}Configurations", ()))
    if "EventBridgeConfiguration" in answer:
        yield ""


def _metadata_tables(answer: Mapping[str, Any]) -> Iterator[str]:
    if "GetBucketMetadataConfigurationResult" in answer:
        yield ""


def _lifecycle(answer: Mapping[str, Any]) -> Iterator[str]:
    yield from ("" for _ in answer.get("Rules", ()))


REPLICATION = Feature(
    "replication",
    "get_bucket_replication",
    "s3:GetReplicationConfiguration",
    "ReplicationConfiguration",
    "ReplicationConfigurationNotFoundError",
    _replication,
)
INVENTORY = Feature(
    "inventory",
    "list_bucket_inventory_configurations",
    "s3:GetInventoryConfiguration",
    "Inventory",
    "",
    _inventory,
)
ACCESS_LOGS = Feature(
    "access logs",
    "get_bucket_logging",
    "s3:GetBucketLogging",
    "BucketLoggingStatus",
    "",
    _access_logs,
)
NOTIFICATIONS = Feature(
    "notifications",
    "get_bucket_notification_configuration",
    "s3:GetBucketNotification",
    "NotificationConfiguration",
    "",
    _notifications,
)
METADATA_TABLES = Feature(
    "metadata tables",
    "get_bucket_metadata_configuration",
    "s3:GetBucketMetadataTableConfiguration",
    "Metadata",
    "MetadataConfigurationNotFound",
    _metadata_tables,
)
LIFECYCLE = Feature(
    "lifecycle",
    "get_bucket_lifecycle_configuration",
    "s3:GetLifecycleConfiguration",
    "LifecycleConfiguration",
    "NoSuchLifecycleConfiguration",
    _lifecycle,
)
FEATURES = (REPLICATION, INVENTORY, ACCESS_LOGS, NOTIFICATIONS, METADATA_TABLES, LIFECYCLE)


def ask(client: S3Client, bucket: str, feature: Feature, where: str) -> Told:
    """Ask for one configuration. Raises what says that nothing at all can be known."""
    places: list[str] = []
    more: dict[str, str] = {}
    for _ in range(_PAGES):
        with speaking(where):
            try:
                answer = getattr(client, feature.operation)(Bucket=bucket, **more)
            except ClientError as error:
                return Told(_refused(error, feature))
        if feature.root not in answer.get(_ROOT, ""):
            return Told(State.UNSUPPORTED)  # it took the question for another, such as a listing
        places += feature.places(answer)
        if not answer.get("IsTruncated"):
            break
        following = answer.get("NextContinuationToken", "")
        if not following:
            return Told(State.UNREAD)  # there is more, and no way to it
        more = {"ContinuationToken": following}
    else:
        raise CouldNotTell(f"{where}: the server's list does not end", reason="listing-stuck")
    if feature.none and not places:
        return Told(State.UNREAD)  # an answer that says neither
    return Told(State.CONFIGURED if places else State.NONE, tuple(places))


def _refused(error: ClientError, feature: Feature) -> State:
    if feature.none and code_of(error) == feature.none:
        return State.NONE
    if is_unsupported(error) or code_of(error) == "MalformedXML":
        return State.UNSUPPORTED
    if is_denied(error) or status_of(error) in {400, 404}:
        if code_of(error) == "NoSuchBucket":
            raise error
        return State.UNREAD
    raise error


def note_roots(client: S3Client) -> None:
    """Have answers about configurations carry the name of their root element.

    botocore parses whatever XML comes as the answer that was asked for, a listing as an empty one.
    """

    def note(
        response_dict: Mapping[str, Any], customized_response_dict: dict[str, Any], **_: object
    ) -> None:
        body = response_dict.get("body", b"")
        customized_response_dict[_ROOT] = _root(body if isinstance(body, bytes) else b"")

    for feature in FEATURES:
        operation = client.meta.method_to_api_mapping[feature.operation]
        client.meta.events.register(f"before-parse.s3.{operation}", note)


def _root(body: bytes) -> str:
    head = body[:1000].decode("utf-8", "replace")
    for piece in head.split("<")[1:]:
        if not piece.startswith(("?", "!")):
            return piece.replace("/", " ").replace(">", " ").split()[0].rpartition(":")[2]
    return ""


def _bucket(arn: str) -> str:
    """A bucket's name in its ARN: ``arn:aws:s3:::name``."""
    return arn.rpartition(":")[2]


def outside(places: Sequence[str], ours: Callable[[str], bool]) -> int:
    """How many of these are no bucket of this store."""
    return sum(not (place and ours(place)) for place in places)
