"""Asking the master and the filer over HTTP. An answer that is none is never an empty one."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from backends.contract import Step, Tell, untold
from backends.errors import AccessDenied, BackendError, CouldNotTell, Unreachable, Vanished

LOG = "/topics/.system/log"  # of the filer's changes: a folder a day, a file a minute
BUCKETS = "/buckets"  # the filer's folder of them, unless it was told another
_KEEPING = "Seaweed-X-Amz-Allow-Empty-Folders"  # weed/s3api/s3_constants, ExtAllowEmptyFolders
_PAGE = 1000
_PATIENCE = 60.0  # seconds for an answer
_COMPACTING = 3600.0  # the same while volumes are compacted: the answer comes afterwards
_LARGEST = 256 << 20  # of a file that is read whole; the filer flushes its log every few MiB
_FOLDER = 1 << 31  # of a mode: Go's os.ModeDir
_OF_AN_OBJECT = ("Mime", "chunks", "Content", "Remote")


class Content(Enum):
    """What a folder has in it. GONE: there is no such folder (any more)."""

    GONE = "gone"
    NONE = "none"
    SOME = "some"


@dataclass(frozen=True, slots=True)
class Volume:
    """One copy of a volume, as the master knows it."""

    number: int
    collection: str
    host: str
    size: int  # bytes
    deleted: int  # bytes of it
    read_only: bool


@dataclass(frozen=True, slots=True)
class Server:
    """A master and, if it is named, a filer."""

    store: str
    master: str
    filer: str
    tell: Tell = field(default=untold, repr=False, compare=False)

    def volumes(self) -> list[Volume]:
        """What the master knows of all volumes; some seconds old. Raises CouldNotTell."""
        told = _json(self._ask("GET", f"{self.master}/vol/status"), f"store {self.store}, master")
        found: list[Volume] = []
        try:
            for center in told["Volumes"]["DataCenters"].values():
                for rack in center.values():
                    for host, volumes in rack.items():
                        found += [_volume(host, each) for each in volumes or ()]
        except (AttributeError, KeyError, TypeError):
            raise CouldNotTell(
                f"store {self.store}: the master's answer is not one about volumes",
                hint="does master name a SeaweedFS master?",
                reason="not-a-seaweedfs",
            ) from None
        return found

    def compact(self) -> None:
        """Have the master compact every volume that has anything deleted in it, and wait."""
        self.tell(Step("compacting"))
        query = urlencode({"garbageThreshold": "0.000000001"})
        self._ask("GET", f"{self.master}/vol/vacuum?{query}", patience=_COMPACTING)

    def log_files(self) -> Iterator[str]:
        """Yield the paths of the files of the filer's log, oldest first. Raises CouldNotTell."""
        self._page("/", "")  # what has no root folder is no filer, and has no empty log either
        for day in self._names(LOG):
            for name in self._names(f"{LOG}/{day}"):
                yield f"{LOG}/{day}/{name}"

    def read(self, path: str) -> bytes:
        """Read a file of the filer's. Raises Vanished, CouldNotTell."""
        return self._ask("GET", self.filer + quote(path), largest=_LARGEST)

    def has_bucket(self, bucket: str) -> bool:
        """Whether the filer has a bucket's folder where folders of buckets are looked for.

        False where nobody tells.
        """
        try:
            return bool(self.filer) and self._is_folder(self._entry(f"{BUCKETS}/{bucket}"))
        except BackendError:
            return False

    def keeps_folders(self, bucket: str) -> bool:
        """Whether the filer leaves the folders of a bucket alone that have become empty.

        Else it removes them, minutes later, and logs their names. False where nobody tells.
        """
        try:
            told = self._entry(f"{BUCKETS}/{bucket}")
            value = base64.b64decode((told["Extended"] or {}).get(_KEEPING, ""))
        except (BackendError, AttributeError, KeyError, TypeError, ValueError):
            return False
        return value.strip().lower() == b"true"

    def content(self, folder: str) -> Content:
        """What a folder has in it; one that is an object as well has that. Raises CouldNotTell."""
        try:
            entry = self._entry(folder)
            if not self._is_folder(entry):
                return Content.GONE
            if any(entry.get(part) for part in _OF_AN_OBJECT):
                return Content.SOME
            names, _ = self._page(f"{folder}/", "", most=1)
        except Vanished:
            return Content.GONE
        return Content.SOME if names else Content.NONE

    def put(self, path: str) -> None:
        """Make an empty file of the filer's."""
        self._ask("PUT", self.filer + quote(path))

    @contextmanager
    def noting(self) -> Iterator[Callable[[str, str], None]]:
        """Give what makes empty files with a note in their metadata, by one connection."""
        parts = urlsplit(self.filer)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=_PATIENCE)

        def put(path: str, note: str) -> None:
            try:
                target = parts.path + quote(path)
                connection.request("PUT", target, b"", {"Seaweed-note": note})
                with connection.getresponse() as answer:
                    answer.read()
            except (HTTPException, OSError):
                raise self._silent() from None
            if answer.status >= 300:
                raise self._refused(answer.status)

        with closing(connection):
            yield put

    def remove(self, path: str, *, folder: bool = False) -> None:
        """Remove a file, or a folder with all that is in it. What is gone is gone."""
        query = "?recursive=true&ignoreRecursiveError=true" if folder else ""
        try:
            self._ask("DELETE", self.filer + quote(path) + query)
        except Vanished:
            return

    def _names(self, folder: str) -> list[str]:
        names: list[str] = []
        while True:
            try:
                page, more = self._page(f"{folder}/", names[-1] if names else "")
            except Vanished:
                return names  # there is no such folder (yet)
            names += page
            if not more or not page:
                return names

    def _entry(self, path: str) -> Mapping[str, Any]:
        """What the filer knows of a file or folder. Raises Vanished, CouldNotTell."""
        answer = self._ask("GET", f"{self.filer}{quote(path)}?metadata=true")
        told = _json(answer, f"store {self.store}, filer")
        if not isinstance(told, dict):
            raise self._no_filer()
        return told

    def _is_folder(self, entry: Mapping[str, Any]) -> bool:
        mode = entry.get("Mode")
        if not isinstance(mode, int):
            raise self._no_filer()
        return bool(mode & _FOLDER)

    def _page(self, folder: str, after: str, most: int = _PAGE) -> tuple[list[str], bool]:
        """Some names in a folder, and whether there are more."""
        query = urlencode({"limit": most, "lastFileName": after})
        told = _json(
            self._ask(
                "GET",
                f"{self.filer}{quote(folder)}?{query}",
                headers={"Accept": "application/json"},
            ),
            f"store {self.store}, filer",
        )
        try:
            names = [str(each["FullPath"]).rpartition("/")[2] for each in told["Entries"] or ()]
            return names, bool(told["ShouldDisplayLoadMore"])
        except (KeyError, TypeError):
            raise self._no_filer() from None

    def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = _PATIENCE,
        largest: int = 64 << 20,
    ) -> bytes:
        request = urllib.request.Request(url, method=method, headers=dict(headers or {}))  # noqa: S310 - the settings name http or https
        if method == "PUT":
            request.data = b""
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:  # noqa: S310
                body: bytes = answer.read(largest + 1)
        except urllib.error.HTTPError as error:
            error.close()
            raise self._refused(error.code) from None
        except (HTTPException, OSError):
            raise self._silent() from None
        if len(body) > largest:
            raise CouldNotTell(f"store {self.store}: the server's answer has no end")
        return body

    def _no_filer(self) -> CouldNotTell:
        return CouldNotTell(
            f"store {self.store}: the filer's answer is not one of a filer",
            hint="does filer name a SeaweedFS filer?",
            reason="not-a-seaweedfs",
        )

    def _silent(self) -> Unreachable:
        return Unreachable(
            f"store {self.store}: the server's master or filer does not answer",
            hint="are master and filer right, and does the server run?",
        )

    def _refused(self, status: int) -> CouldNotTell:
        where = f"store {self.store}: the server's master or filer"
        if status == 404:
            return Vanished(f"{where} has no such thing")
        if status in {401, 403}:
            return AccessDenied(f"{where} refuses", hint="is it open to this host?")
        if status >= 500:
            return Unreachable(f"{where} fails (HTTP {status})", hint="try again later")
        return CouldNotTell(f"{where} refuses the request (HTTP {status})")


def _json(body: bytes, where: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise CouldNotTell(
            f"{where}: the answer is not JSON",
            hint="is it a SeaweedFS that is named?",
            reason="not-a-seaweedfs",
        ) from None


def _volume(host: str, told: Mapping[str, Any]) -> Volume:
    return Volume(
        number=int(told["Id"]),
        collection=str(told["Collection"]),
        host=host,
        size=int(told["Size"]),
        deleted=int(told["DeletedByteCount"]),
        read_only=bool(told["ReadOnly"]),
    )
