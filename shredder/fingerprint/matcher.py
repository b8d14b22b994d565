"""The matcher that sweeps take with them; see :class:`backends.contract.Matcher`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from backends.contract import Digest, Scan
from shredder.fingerprint import catalogue
from shredder.fingerprint.confirm import Confirmer
from shredder.fingerprint.engine import choose
from shredder.fingerprint.errors import CatalogueDamaged
from shredder.fingerprint.keys import Keys, derive
from shredder.fingerprint.phrases import Phrases
from shredder.fingerprint.report import EnrolReport
from shredder.fingerprint.scan import CatalogueScan, Tools

_DIGEST = 16  # bytes

Identities = Callable[[], tuple[bytes, ...]]  # picklable, and no key in it


class _ContentDigest:
    """BLAKE3, keyed (BLAKE3, 2.3: keyed_hash), of which 16 bytes are told.

    Every byte of a holding goes through it, so it must cost little beside the matcher.
    """

    def __init__(self, key: bytes) -> None:
        self._state = blake3(key=key)

    def update(self, data: bytes, /) -> None:
        """See the protocol."""
        self._state.update(data)

    def hexdigest(self) -> str:
        """See the protocol."""
        return self._state.hexdigest(length=_DIGEST)


@dataclass(frozen=True, slots=True)
class _Open:
    catalogue: catalogue.Catalogue
    commitment: str


class FingerprintMatcher:
    """Recognises a dataset's records by its catalogue, which is opened when it is first needed.

    Travels to other processes as path and key; there it opens the same catalogue or none, and
    asks anew for the keys of what is sealed. May be used by several threads; each scan by one.
    Every use may raise NotEnrolled or CatalogueDamaged.
    """

    def __init__(self, path: Path, key: bytes, identities: Identities = tuple) -> None:
        """`key`: the fingerprint's 32 bytes; `identities`: what gives the dataset's own key."""
        self._path = path
        self._key = key
        self._identities = identities
        self._given: tuple[bytes, ...] | None = None
        self._keys: Keys = derive(key)
        self._expected = ""
        self._lock = threading.Lock()
        self._opened: _Open | None = None
        self._tools: Tools | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r}, key=…)"

    def __getstate__(self) -> tuple[Path, bytes, Identities, str]:
        expected = self._opened.commitment if self._opened else self._expected
        return self._path, self._key, self._identities, expected

    def __setstate__(self, state: tuple[Path, bytes, Identities, str]) -> None:
        path, key, identities, expected = state
        FingerprintMatcher.__init__(self, path, key, identities)
        self._expected = expected

    def _open(self) -> _Open:
        with self._lock:
            if self._opened is None:
                opened, commitment = catalogue.read(self._path, self._keys.seal)
                if self._expected not in {"", commitment}:
                    raise CatalogueDamaged(
                        "the fingerprint was taken anew while it was in use",
                        hint="start the command again",
                    )
                self._opened = _Open(opened, commitment)
            return self._opened

    @property
    def commitment(self) -> str:
        """A keyed commitment to the catalogue's content: ``sha256:…``."""
        return self._open().commitment

    @property
    def columns(self) -> frozenset[str]:
        """The dataset's column names, lower case."""
        return frozenset(column.name.lower() for column in self.report.columns)

    @property
    def report(self) -> EnrolReport:
        """What enrolment reported."""
        return self._open().catalogue.report

    def scan(self, *, promoted: bool = False) -> Scan:
        """Begin a pass over one unit."""
        found = self._open().catalogue
        with self._lock:
            if self._tools is None:
                self._tools = Tools(
                    found,
                    choose(found, self._keys),
                    Phrases(found, self._keys) if found.has_phrases else None,
                    Confirmer(found, self._keys),
                )
        return CatalogueScan(self._tools, promoted=promoted)

    def digest(self) -> Digest:
        """Begin a keyed digest of content, 16 bytes."""
        return _ContentDigest(self._keys.content)

    def identities(self) -> tuple[bytes, ...]:
        """The dataset's own key, asked for when something sealed is met, and kept for the sweep."""
        with self._lock:
            if self._given is None:
                self._given = self._identities()
            return self._given
