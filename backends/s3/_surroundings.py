"""Where else copies, keys or tags of a bucket's objects may be, as far as its configuration tells.

Asked once in a store's life, and said of each holding in the bucket: as limitations, and with
numbers in its details. A bucket of the same store is swept like any other, so what is replicated
or reported there is no limitation; only access logs are, for they tell of the deletion itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backends.s3._features import (
    ACCESS_LOGS,
    FEATURES,
    INVENTORY,
    LIFECYCLE,
    METADATA_TABLES,
    NOTIFICATIONS,
    REPLICATION,
    Feature,
    State,
    Told,
    ask,
    outside,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIGURED = {
    REPLICATION: "s3-replication-configured",
    INVENTORY: "s3-inventory-configured",
    ACCESS_LOGS: "s3-access-logs-configured",
    NOTIFICATIONS: "s3-notifications-configured",
    METADATA_TABLES: "s3-metadata-tables-configured",
    LIFECYCLE: "s3-lifecycle-configured",
}
_UNREAD = {
    REPLICATION: "s3-replication-unknown",
    INVENTORY: "s3-inventory-unknown",
    ACCESS_LOGS: "s3-access-logs-unknown",
    NOTIFICATIONS: "s3-notifications-unknown",
    METADATA_TABLES: "s3-metadata-tables-unknown",
    LIFECYCLE: "s3-lifecycle-unknown",
}
_NOT_OFFERED = "s3-configuration-not-offered"
_SWEPT_WITH_US = frozenset({REPLICATION, INVENTORY})


@dataclass(frozen=True)
class Surroundings:
    """Of one bucket. `ours` tells whether a bucket is among the store's."""

    client: S3Client = field(repr=False)
    bucket: str
    where: str
    ours: Callable[[str], bool] = field(repr=False)

    @cached_property
    def told(self) -> Mapping[Feature, Told]:
        """What the server says of each feature."""
        return {each: ask(self.client, self.bucket, each, self.where) for each in FEATURES}

    @cached_property
    def limitations(self) -> tuple[str, ...]:
        """What is true of every object in the bucket."""
        found: list[str] = []
        for feature, told in self.told.items():
            if told.state is State.CONFIGURED:
                elsewhere = outside(told.places, self.ours)
                if elsewhere or feature not in _SWEPT_WITH_US:
                    found.append(_CONFIGURED[feature])
            elif told.state is State.UNREAD:
                found.append(_UNREAD[feature])
        if any(told.state is State.UNSUPPORTED for told in self.told.values()):
            found.append(_NOT_OFFERED)
        return tuple(found)

    @cached_property
    def details(self) -> Mapping[str, str | int]:
        """How many places or rules there are; and what the server was not able to say."""
        found: dict[str, str | int] = {}
        for feature, told in self.told.items():
            if told.state is State.CONFIGURED:
                found[feature.name] = told.number
                if feature in _SWEPT_WITH_US and (
                    inside := told.number - outside(told.places, self.ours)
                ):
                    found[f"{feature.name} in this store"] = inside
        for state in (State.UNREAD, State.UNSUPPORTED):
            names = [f.name for f, told in self.told.items() if told.state is state]
            if names:
                found[state.value] = ", ".join(names)
        return found

    def of_object(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """What the answer to reading one version adds."""
        found: list[str] = []
        status = str(answer.get("ReplicationStatus", ""))
        if status in {"COMPLETED", "COMPLETE"} and not self._replicas_are_ours:
            found.append("s3-replicated")
        elif status == "PENDING":
            found.append("s3-replication-pending")
        elif status == "REPLICA":
            found.append("s3-replica-of-another")
        if "Restore" in answer:
            found.append("s3-restored-copy")
        return tuple(found)

    @property
    def _replicas_are_ours(self) -> bool:
        told = self.told[REPLICATION]
        return told.state is State.CONFIGURED and not outside(told.places, self.ours)
