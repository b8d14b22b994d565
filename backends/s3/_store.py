"""A set of buckets as a store."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BufferedReader
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ProfileNotFound

from backends import content
from backends.contract import (
    Check,
    CheckStatus,
    CoverageStatus,
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
    Verification,
)
from backends.errors import BackendError, CouldNotTell, SettingError, SourceError
from backends.fsops import swap
from backends.s3 import _deposit
from backends.s3._backend import Settings
from backends.s3._bucket import Bucket
from backends.s3._check import check_buckets
from backends.s3._companions import NO_UPLOADS, companions
from backends.s3._connections import Connections
from backends.s3._delete import BATCH, add_content_md5
from backends.s3._destroy import destroy
from backends.s3._examine import examine, glance
from backends.s3._features import note_roots
from backends.s3._listing import THREADS, Walk
from backends.s3._model import cursor_key, locator
from backends.s3._ranges import AHEAD
from backends.s3._scopes import is_pattern, scopes
from backends.s3._source import open_rows
from backends.s3._verify import verify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_VERIFIED_AT_ONCE = 500  # orders: bounds what verify() holds in memory
_TRAITS = Traits(
    batch=BATCH,
    concurrency=THREADS,
    techniques=frozenset({Technique.DELETE_VERSION, Technique.ABORT_UPLOAD}),
    blind_spots=(
        "memory-of-servers",
        "s3-access-logs",
        "s3-account-reports",
        "s3-freed-blocks",
        "s3-inventory-reports",
        "s3-outposts",
        "s3-provider-backups",
        "s3-provider-replicas",
        "s3-table-and-vector-buckets",
    ),
    portable=True,
)
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=(2 + AHEAD) * THREADS,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent="shredder",  # tells a bucket's owner who read; boto3's own takes longer to compose
)


def open_store(name: str, settings: Settings, *, quietly: bool = False) -> S3Store:
    """Make a store; nothing is asked of the server yet. Raises SettingError.

    `quietly`: its files are looked at besides, and it logs keys that it is asked for in vain.
    """
    config = _CONFIG
    if settings.endpoint_url:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    try:
        session = boto3.session.Session(profile_name=settings.profile or None)
        region = settings.region or session.region_name or "us-east-1"
        client = session.client(
            "s3",
            region_name=region,
            endpoint_url=settings.endpoint_url or None,
            config=config,
        )
    except ProfileNotFound:
        raise SettingError(
            f"store {name}: there is no such profile",
            hint="profile names a section of ~/.aws/config or ~/.aws/credentials",
        ) from None
    except (BotoCoreError, ValueError) as error:
        raise SettingError(
            f"store {name}: boto3 cannot be set up like this ({type(error).__name__})",
            hint="check region, endpoint_url and the files that AWS_* variables name",
        ) from None
    add_content_md5(client)
    note_roots(client)
    return S3Store(name, client, settings, quietly)


@dataclass
class S3Store:
    """See :class:`backends.contract.Store`. Scopes are buckets."""

    name: str
    client: S3Client = field(repr=False)
    settings: Settings
    quietly: bool = False
    traits: Traits = field(default_factory=lambda: swap.named(_TRAITS), repr=False)
    _connections: Connections = field(default_factory=lambda: Connections(THREADS), repr=False)
    _buckets: dict[str, Bucket] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def identity(self) -> str:
        """The endpoint. Buckets' names are unique in it: with scopes it identifies.

        No owner is in it: servers answer with whoever asks, and may refuse to.
        """
        parts = urlsplit(self.client.meta.endpoint_url)
        host = parts.hostname or ""
        if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            return f"s3:{self.client.meta.partition}"
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"s3:{host}:{port}{parts.path.rstrip('/')}"

    def scopes(self) -> Sequence[Scope]:
        """Return the buckets, and the patterns that match none."""
        aws = not self.settings.endpoint_url
        return scopes(self.client, self.name, self.settings.buckets, self._bucket, aws=aws)

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield every version and marker by key; at the end, the uploads as gaps."""
        bucket = self._bucket(scope)
        walk = Walk(bucket.listing, cursor_key(after))
        for key, entries in walk.by_key():
            excluded = any(fnmatchcase(key, pattern) for pattern in self.settings.exclude)
            place = locator(scope, key)
            for entry in sorted(entries, key=lambda entry: entry.cursor):
                if entry.cursor <= after:
                    continue
                if excluded:
                    yield Gap(scope, CoverageStatus.EXCLUDED, "excluded-by-setting", place)
                else:
                    yield Unit(
                        scope,
                        place,
                        entry.version,
                        entry.kind,
                        entry.size,
                        entry.cursor,
                        state=walk.state(entry),
                    )
        if walk.uneven:
            yield Gap(scope, CoverageStatus.FAILED, "listing-uneven")
        yield from self._uploads(bucket)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one version and in what is written on it."""
        return examine(self._bucket(unit.scope), unit, matcher)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Look at the tags, which can be altered without a new version."""
        return glance(self._bucket(unit.scope), unit, matcher)

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield markers on the holdings' keys, and the uploads of the holdings' buckets."""
        del matcher
        ours = [holding for holding in holdings if holding.store == self.name]
        for scope in sorted({holding.scope for holding in ours}):
            yield from companions(self._bucket(scope), ours)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Delete versions and markers, abort uploads; see :mod:`backends.s3._destroy`."""
        del matcher
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        done: dict[str, Destruction] = {}
        failures: list[BackendError] = []
        by_scope = self._by_scope(orders)
        for scope, chosen in by_scope.items():
            try:
                done |= destroy(self._bucket(scope), chosen)
            except BackendError as error:
                failures.append(error)
                for order in chosen:
                    done[order.id] = Destruction(order.id, Result.FAILED, reason=error.code)
        if failures and len(failures) == len(by_scope):
            raise failures[0]
        return [done[order.id] for order in orders]

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look again; see :mod:`backends.s3._verify`."""
        for start in range(0, len(orders), _VERIFIED_AT_ONCE):
            group = orders[start : start + _VERIFIED_AT_ONCE]
            found: dict[str, Verification] = {}
            for scope, chosen in self._by_scope(group).items():
                found |= verify(self._bucket(scope), chosen, matcher, quietly=self.quietly)
            yield from (found[order.id] for order in group)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open the current version of an object as delimited text."""
        if not spec.key:
            raise SourceError(
                f"store {self.name}: a source in S3 is named by its key",
                hint='for example sources = [{ store = "…", key = "bucket/key" }]',
            )
        bucket, key = self._place(spec.key, SourceError)
        encoding, delimiter = self.settings.encoding, self.settings.delimiter
        keys = spec.keys if spec.sealed else None
        return open_rows(bucket, key, encoding, delimiter, keys)

    def put(self, name: str, chunks: Iterator[bytes]) -> None:
        """Write an object; see :class:`backends.deposit.Deposits`."""
        _deposit.put(*self._place(name, SettingError), chunks)

    def get(self, name: str) -> tuple[BufferedReader, int]:
        """Open an object; see :class:`backends.deposit.Deposits`."""
        return _deposit.get(*self._place(name, SettingError))

    def _place(self, name: str, error: type[BackendError]) -> tuple[Bucket, str]:
        """What the operator calls ``bucket/key``, or ``key`` where there is a single bucket."""
        first, _, rest = name.partition("/")
        if rest and self._is_ours(first):
            return self._bucket(first), rest
        only = self.settings.buckets[0]
        if name and len(self.settings.buckets) == 1 and not is_pattern(only):
            return self._bucket(only), name
        raise error(
            f"store {self.name}: the key does not begin with one of its buckets",
            hint='name it as "bucket/key"',
        )

    def check(self) -> Iterator[Check]:
        """Say what is reachable, which rights are there, and what they amount to."""
        try:
            found = self.scopes()
        except BackendError as error:
            yield Check("reach the server", CheckStatus.FAILED, error.message, error.hint)
            return
        yield Check("reach the server", CheckStatus.OK, self.identity)
        try:
            yield from check_buckets(found, self._bucket)
        except BackendError as error:
            yield Check("ask about buckets", CheckStatus.FAILED, error.message, error.hint)
        yield swap.check()
        yield from content.check()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _is_ours(self, bucket: str) -> bool:
        return any(fnmatchcase(bucket, wanted) for wanted in self.settings.buckets)

    def _bucket(self, name: str) -> Bucket:
        with self._lock:
            return self._buckets.setdefault(
                name, Bucket(self.client, name, self.name, self._connections, self._is_ours)
            )

    def _uploads(self, bucket: Bucket) -> Iterator[Gap]:
        """No part of an upload can be read: each is a gap, whatever may be in it."""
        try:
            for pending in bucket.listing.uploads():
                place = locator(bucket.name, pending.key)
                yield Gap(bucket.name, CoverageStatus.FAILED, "upload-unreadable", place)
        except CouldNotTell as error:
            if error.code not in NO_UPLOADS:
                raise
            yield Gap(bucket.name, CoverageStatus.FAILED, "uploads-not-listed")

    @staticmethod
    def _by_scope(orders: Sequence[Order]) -> dict[str, list[Order]]:
        by_scope: dict[str, list[Order]] = defaultdict(list)
        for order in orders:
            by_scope[order.holding.scope].append(order)
        return by_scope
