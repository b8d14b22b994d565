"""Listing a bucket: versions, delete markers, unfinished uploads. Answers are not trusted.

Some servers lose entries between pages: SeaweedFS 4.48 cuts pages in the order of its directories
(``a``, ``a-b``) and sorts each by key (``a-b``, ``a/b``): what sorts before the mark and was
not collected yet is never listed. Hence the walk goes down by ``/`` until a page is not truncated.
Where one level alone is longer than a page, pages overlap by half: what is out of order by less
than that is found, and that it was out of order is told, for there may be more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backends.errors import CouldNotTell
from backends.s3._errors import is_gone, speaking
from backends.s3._model import MARKER, OBJECT, Entry, Part, Pending, server_time

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE = 1000
_DENSE = 8  # keys of one folder from which on listing the folder costs less than listing each
THREADS = 8
_JUST_NOW = 2  # seconds, by the server's clock; some more where its parts have clocks of their own

_Named = dict[tuple[str, str, str], "Entry | str"]  # versions and markers of a key, or a prefix


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, its entries and common prefixes in the order of their names."""

    entries: tuple[Entry, ...]
    prefixes: tuple[str, ...]
    mark: tuple[str, str] | None  # where the next page begins; None: this was the last one
    at: int  # the server's clock, seconds of the epoch; 0 where it does not tell


class Listing:
    """Lists one bucket. Raises CouldNotTell where an answer cannot be a listing."""

    def __init__(self, client: S3Client, bucket: str, where: str) -> None:
        self._client = client
        self._bucket = bucket
        self._where = where

    def page(
        self,
        prefix: str = "",
        delimiter: str = "",
        mark: tuple[str, str] | None = None,
        size: int = 0,
    ) -> Page:
        """Ask for one page of versions and markers; of PAGE entries unless `size` says."""
        asked: dict[str, Any] = {"Bucket": self._bucket, "MaxKeys": size or PAGE}
        if prefix:
            asked["Prefix"] = prefix
        if delimiter:
            asked["Delimiter"] = delimiter
        if mark:
            asked["KeyMarker"] = mark[0]
            if mark[1]:
                asked["VersionIdMarker"] = mark[1]
        with speaking(self._where):
            # botocore asks for keys in URL encoding and decodes them: XML 1.0 cannot hold all keys.
            answer: Mapping[str, Any] = self._client.list_object_versions(**asked)
        self._expect(answer, "IsTruncated", Name=self._bucket)
        with self._parsing():
            entries = [
                *(_entry(found, OBJECT) for found in answer.get("Versions", ())),
                *(_entry(found, MARKER) for found in answer.get("DeleteMarkers", ())),
            ]
            prefixes = sorted(found["Prefix"] for found in answer.get("CommonPrefixes", ()))
        following: tuple[str, str] | None = None
        if answer["IsTruncated"]:
            following = (answer.get("NextKeyMarker", ""), answer.get("NextVersionIdMarker", ""))
            if following in {mark, ("", "")}:
                raise self.broken("does not go on", "listing-stuck")
        return Page(
            tuple(sorted(entries, key=attrgetter("key"))),
            tuple(prefixes),
            following,
            server_time(answer),
        )

    def exact(self, key: str) -> tuple[Entry, ...]:
        """List all versions and markers of one key, and of no other that begins like it."""
        found: list[Entry] = []
        mark: tuple[str, str] | None = None
        while True:
            page = self.page(prefix=key, delimiter="/", mark=mark)
            found += [entry for entry in page.entries if entry.key == key]
            beyond = [entry.key for entry in page.entries if entry.key > key]
            if page.mark is None or beyond or page.prefixes:
                return tuple(found)
            mark = page.mark

    def snapshot(
        self, keys: Iterable[str], *, expected: bool = False
    ) -> dict[str, tuple[Entry, ...]]:
        """List exactly these keys as they are now; an empty tuple for what is not listed.

        Where something is `expected` at each key, one that seems empty is listed by itself, too.
        """
        found: dict[str, tuple[Entry, ...]] = {}
        single: list[str] = []
        for folder, group in groupby(sorted(set(keys)), _folder):
            names = list(group)
            dense = self._dense(folder, names) if len(names) >= _DENSE else None
            if dense is None:
                single += names
            else:
                found |= dense
                single += [name for name in names if expected and not dense[name]]
        with ThreadPoolExecutor(THREADS) as pool:
            found |= dict(zip(single, pool.map(self.exact, single), strict=True))
        return found

    def uploads(self, prefix: str = "") -> Iterator[Pending]:
        """Yield the unfinished uploads whose key begins so."""
        seen: set[str] = set()
        mark: dict[str, str] = {}
        while True:
            answer = self._uploads_page(prefix, mark)
            page = answer.get("Uploads", ())
            with self._parsing():
                shown = [_pending(found) for found in page]
            fresh = [pending for pending in shown if pending.upload_id not in seen]
            seen.update(pending.upload_id for pending in fresh)
            yield from fresh
            if not answer["IsTruncated"]:
                return
            # SeaweedFS goes by the upload's id alone and gives no mark of the key.
            mark = {
                ask: answer[given]
                for ask, given in (
                    ("KeyMarker", "NextKeyMarker"),
                    ("UploadIdMarker", "NextUploadIdMarker"),
                )
                if answer.get(given)
            }
            if not fresh or not mark:
                raise self.broken("does not go on", "listing-stuck")

    def parts(self, key: str, upload_id: str) -> tuple[Part, ...] | None:
        """List the parts of an upload by number; None: there is no such upload."""
        found: list[Part] = []
        mark = 0
        while True:
            with speaking(self._where):
                try:
                    answer: Mapping[str, Any] = self._client.list_parts(
                        Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumberMarker=mark
                    )
                except ClientError as error:
                    if is_gone(error):
                        return None
                    raise
            self._expect(answer, "IsTruncated", UploadId=upload_id)
            with self._parsing():
                found += [
                    Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"])
                    for part in answer.get("Parts", ())
                ]
            if not answer["IsTruncated"]:
                return tuple(sorted(found, key=attrgetter("number")))
            following = int(answer.get("NextPartNumberMarker", 0))
            if following <= mark:
                raise self.broken("does not go on", "listing-stuck")
            mark = following

    def _uploads_page(self, prefix: str, mark: Mapping[str, Any]) -> Mapping[str, Any]:
        with speaking(self._where):
            # Without URL encoding: SeaweedFS confirms it and does not encode, which would turn
            # a plus sign in a key into a blank.
            answer: Mapping[str, Any] = self._client.list_multipart_uploads(
                Bucket=self._bucket, Prefix=prefix, **mark
            )
        self._expect(answer, "IsTruncated", Bucket=self._bucket)
        return answer

    def _dense(self, folder: str, names: Sequence[str]) -> dict[str, tuple[Entry, ...]] | None:
        """List a whole folder for some of its keys; None if it holds too much else."""
        found: dict[str, list[Entry]] = {name: [] for name in names}
        mark: tuple[str, str] | None = None
        for _ in range(2 + len(names) // 20):
            page = self.page(prefix=folder, delimiter="/", mark=mark)
            for entry in page.entries:
                if entry.key in found:
                    found[entry.key].append(entry)
            mark = page.mark
            if mark is None or mark[0] > names[-1]:
                return {name: tuple(entries) for name, entries in found.items()}
        return None

    def _expect(self, answer: Mapping[str, Any], *fields: str, **values: str) -> None:
        """An empty body parses as an answer without fields: that is no empty bucket."""
        if any(field not in answer for field in fields) or any(
            answer.get(field) != value for field, value in values.items()
        ):
            raise self.broken("is not one", "no-listing")

    @contextmanager
    def _parsing(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self.broken("lacks what a listing has", "no-listing") from None

    def broken(self, how: str, reason: str) -> CouldNotTell:
        """The error for a listing that cannot be used."""
        return CouldNotTell(
            f"{self._where}: the server's listing {how}",
            hint="something between here and the server may change its answers",
            reason=reason,
        )


class Walk:
    """All versions and markers of a bucket in the order of their keys, each once.

    Afterwards `uneven` tells how many entries a page should have shown and did not, although they
    had been there before the walk began; the next page did.
    """

    def __init__(self, listing: Listing, after_key: str = "") -> None:
        self._listing = listing
        self._after = after_key
        self._began = 0
        self.uneven = 0

    def by_key(self) -> Iterator[tuple[str, list[Entry]]]:
        """Yield each key from `after_key` on (inclusive) with what it has."""
        for key, entries in groupby(self._entries(), attrgetter("key")):
            yield key, list(entries)

    def state(self, entry: Entry) -> str:
        """What content and metadata never change without; empty if nothing tells.

        A version with an id never changes. Another tells its time to the second: what has been
        written just now can be written anew, with other metadata, and look the same.
        """
        settled = entry.version_id != "null" or entry.modified < self._began - _JUST_NOW
        return entry.version if settled else ""

    def _entries(self) -> Iterator[Entry]:
        stack: list[Iterator[Entry | str]] = [iter([""])]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, Entry):
                if item.key >= self._after:
                    yield item
            elif item >= self._after or self._after.startswith(item):
                page = self._listing.page(prefix=item)
                self._began = self._began or page.at
                stack.append(iter(page.entries) if page.mark is None else self._level(item))

    def _level(self, prefix: str) -> Iterator[Entry | str]:
        """List one level by pages that each begin in the middle of the one before."""
        held: dict[str, _Named] = {}  # shown, and not yet yielded
        mark: tuple[str, str] | None = None
        reached = ""  # everything up to here was to be shown by the page before
        while True:
            page = self._listing.page(prefix=prefix, delimiter="/", mark=mark)
            shown = _by_name(page, prefix)
            if mark and any(name < mark[0] for name in shown):
                raise self._listing.broken("is out of order", "listing-out-of-order")
            for name, items in shown.items():
                late = items.keys() - held.get(name, {}).keys() if name < reached else ()
                self.uneven += sum(self._was_there(items[identity]) for identity in late)
                held[name] = held.get(name, {}) | items
            if page.mark is None:
                break
            mark, reached = _middle(shown) or page.mark, max(shown, default="")
            for name in sorted(name for name in held if name < mark[0]):
                yield from held.pop(name).values()
        for name in sorted(held):
            yield from held[name].values()

    def _was_there(self, item: Entry | str) -> bool:
        """What came while it was listed is no fault of the listing."""
        return isinstance(item, Entry) and item.modified < self._began


def _middle(shown: Mapping[str, _Named]) -> tuple[str, str] | None:
    """Where the next page begins; None if one key fills the page.

    A key rather than a common prefix: what a prefix skips as a mark is told nowhere.
    """
    names = sorted(shown)[:-1]  # the last one's versions may go on
    for name in [*reversed(names[: len(names) // 2 + 1]), *names]:
        if any(isinstance(item, Entry) for item in shown[name].values()):
            return name, ""
    return None


def _by_name(page: Page, prefix: str) -> dict[str, _Named]:
    named: dict[str, _Named] = {}
    for entry in page.entries:
        named.setdefault(entry.key, {})[entry.key, entry.version_id, entry.kind] = entry
    for deeper in page.prefixes:
        if deeper.startswith(prefix) and len(deeper) > len(prefix):
            named[deeper] = {(deeper, "", ""): deeper}
    return named


def _entry(found: Mapping[str, Any], kind: str) -> Entry:
    return Entry(
        key=found["Key"],
        version_id=found.get("VersionId") or "null",
        kind=kind,
        etag=str(found.get("ETag", "")).strip('"'),
        size=int(found.get("Size", 0)),
        modified=int(found["LastModified"].timestamp()),
        latest=bool(found.get("IsLatest", False)),
    )


def _pending(found: Mapping[str, Any]) -> Pending:
    started = found.get("Initiated")
    return Pending(found["Key"], found["UploadId"], int(started.timestamp()) if started else 0)


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]
