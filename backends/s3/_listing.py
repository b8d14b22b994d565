"""Listing a bucket: versions, delete markers, unfinished uploads. Answers are not trusted.

Some servers that number their pages lose entries between them: SeaweedFS 4.48 cuts pages in the
order of its directories (``a``, ``a-b``) and sorts them afterwards by key (``a-b``, ``a/b``), so
what sorts before the mark and was not yet collected is never listed. Hence the walk goes down by
``/`` until a page is not truncated, and where one level alone is longer than a page, lists it
twice with pages of different length, takes what either shows, and says so where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
_OTHER_PAGE = 701
_DENSE = 8  # keys of one folder from which on listing the folder costs less than listing each
THREADS = 8


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
        size: int = PAGE,
    ) -> Page:
        """Ask for one page of versions and markers."""
        asked: dict[str, Any] = {"Bucket": self._bucket, "MaxKeys": size}
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
        entries = [
            *(_entry(found, OBJECT) for found in answer.get("Versions", ())),
            *(_entry(found, MARKER) for found in answer.get("DeleteMarkers", ())),
        ]
        following: tuple[str, str] | None = None
        if answer["IsTruncated"]:
            following = (answer.get("NextKeyMarker", ""), answer.get("NextVersionIdMarker", ""))
            if following in {mark, ("", "")}:
                raise self.broken("does not go on", "listing-stuck")
        return Page(
            tuple(sorted(entries, key=attrgetter("key"))),
            tuple(sorted(found["Prefix"] for found in answer.get("CommonPrefixes", ()))),
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

    def snapshot(self, keys: Iterable[str]) -> dict[str, tuple[Entry, ...]]:
        """List exactly these keys as they are now; an empty tuple for what is not listed."""
        found: dict[str, tuple[Entry, ...]] = {}
        single: list[str] = []
        for folder, group in groupby(sorted(set(keys)), _folder):
            names = list(group)
            dense = self._dense(folder, names) if len(names) >= _DENSE else None
            if dense is None:
                single += names
            else:
                found |= dense
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
            fresh = [found for found in page if found["UploadId"] not in seen]
            for found in fresh:
                seen.add(found["UploadId"])
                key, started = found["Key"], int(found["Initiated"].timestamp())
                yield Pending(key, found["UploadId"], started)
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

    def broken(self, how: str, reason: str) -> CouldNotTell:
        """The error for a listing that cannot be used."""
        return CouldNotTell(
            f"{self._where}: the server's listing {how}",
            hint="something between here and the server may change its answers",
            reason=reason,
        )


class Walk:
    """All versions and markers of a bucket in the order of their keys, each once.

    Afterwards `uneven` tells how many entries only one of two listings of the same level showed
    although they had been there before it began.
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
        """List one level by two sizes of pages and merge what they show."""
        first = _named(self._pages(prefix, PAGE))
        second = _named(self._pages(prefix, _OTHER_PAGE))
        a, b = next(first, None), next(second, None)
        while a or b:
            if b is None or (a is not None and a[0] < b[0]):
                assert a is not None
                yield from self._doubtful(a[1])
                a = next(first, None)
            elif a is None or b[0] < a[0]:
                yield from self._doubtful(b[1])
                b = next(second, None)
            else:
                both = {_identity(item): item for item in (*a[1], *b[1])}
                yield from both.values()
                a, b = next(first, None), next(second, None)

    def _doubtful(self, items: Iterable[Entry | str]) -> Iterator[Entry | str]:
        for item in items:
            # What came or went between the two listings is no fault of theirs.
            if isinstance(item, Entry) and item.modified < self._began:
                self.uneven += item in self._listing.exact(item.key)
            yield item

    def _pages(self, prefix: str, size: int) -> Iterator[Entry | str]:
        mark: tuple[str, str] | None = None
        last = ""
        while True:
            page = self._listing.page(prefix=prefix, delimiter="/", mark=mark, size=size)
            deeper = [p for p in page.prefixes if p.startswith(prefix) and len(p) > len(prefix)]
            items: list[Entry | str] = [*page.entries, *deeper]
            for item in sorted(items, key=_name):
                if _name(item) < last:
                    raise self._listing.broken("is out of order", "listing-out-of-order")
                last = _name(item)
                yield item
            if page.mark is None:
                return
            mark = page.mark


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


def _named(items: Iterator[Entry | str]) -> Iterator[tuple[str, list[Entry | str]]]:
    return (
        (name, list({_identity(item): item for item in group}.values()))
        for name, group in groupby(items, _name)
    )


def _name(item: Entry | str) -> str:
    return item if isinstance(item, str) else item.key


def _identity(item: Entry | str) -> str | tuple[str, str, str]:
    return item if isinstance(item, str) else (item.key, item.version_id, item.kind)


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]
