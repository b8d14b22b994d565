"""An account of AWS, as the tests of the key store `aws-kms` have it."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from shredder import values
from shredder.keystores import (
    KeyRecord,
    KeyStore,
)
from shredder.keystores.kms import Kms, Making
from shredder.keystores.kmsapi import Service
from shredder.keystores.wrapped import WrappedKeyStore
from tests.support.kms import OTHER_REGION, REGION, Key, World

DAYS = 7


@functools.cache
def _service(region: str, url: str, credentials: str) -> Service:
    """To make a client takes a third of a second."""
    return Service(region, url)


class Account:
    """An account of AWS, and a folder for the records."""

    def __init__(self, world: World, url: str, folder: Path) -> None:
        self.world = world
        self.url = url
        self.records = folder / "keys"

    def store(self, making: Making | None = None, region: str = REGION) -> WrappedKeyStore:
        making = making or Making(window_days=DAYS)
        service = _service(region, self.url, os.environ["AWS_ACCESS_KEY_ID"])
        return WrappedKeyStore(Kms(service, making), self.records)

    def put(self, record: KeyRecord) -> None:
        (self.records / f"{record.id}.json").write_bytes(values.dumps(record))

    def key(self, record: KeyRecord) -> Key:
        return self.world.keys[str(record.place["arn"])]

    def do(self, operation: str, arn: str, **asked: Any) -> Any:
        """What somebody else does in the account."""
        region = arn.split(":")[3]
        return self.world.answer(operation, region, "111122223333", {"KeyId": arn, **asked})

    def replicated(self, record: KeyRecord) -> Key:
        arn = str(record.place["arn"])
        made = self.do("ReplicateKey", arn, ReplicaRegion=OTHER_REGION)
        return self.world.keys[made["ReplicaKeyMetadata"]["Arn"]]


def key_of(store: KeyStore, record: KeyRecord) -> bytes:
    with store.using(record.id) as key:
        return bytes(key)
