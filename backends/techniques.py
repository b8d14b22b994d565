"""How holdings are destroyed, in which order, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Technique(StrEnum):
    """How a holding is destroyed."""

    OVERWRITE = "overwrite"  # in place, then unlinked
    REWRITE_WITHOUT_RECORDS = "rewrite-without-records"  # replaced by itself less the records
    DELETE_VERSION = "delete-version"  # one version of an object, or its delete marker
    ABORT_UPLOAD = "abort-upload"
    TRUNCATE = "truncate"  # all rows of a relation, with its statistics
    DELETE_ROWS = "delete-rows"  # some rows of a relation; statistics taken anew
    REFRESH_VIEW = "refresh-view"  # a materialised view, computed anew
    UNLINK_LARGE_OBJECT = "unlink-large-object"
    REMOVE_COMMENTS = "remove-comments"  # of a database: those that hold a record
    DROP_DEFINITIONS = "drop-definitions"  # views, functions, …: those that hold a record
    FORGET = "forget"  # removed from memory
    CRYPTOGRAPHIC_ERASE = "cryptographic-erase"
    # Of residue: what was freed goes, and nothing that is anybody's.
    RECYCLE_WAL = "recycle-wal"  # a write-ahead log is moved on until its old segments are gone
    REWRITE_CATALOGUE = "rewrite-catalogue"  # a catalogue of the server's, without its dead rows
    REMOVE_LOG = "remove-log"  # closed files of a server's log, or lines of open ones
    RESET_STATISTICS = "reset-statistics"  # what a server remembers of statements
    COMPACT = "compact"  # files that are appended to, less what was deleted from them
    SCRUB_FREE_SPACE = "scrub-free-space"  # what a file system has freed, written over

    @property
    def stage(self) -> int:
        """When it is its turn: after everything of a lower stage, in whatever store.

        0: what holds the data; 1: what a server keeps of it after that; 2: what the file system
        below keeps after both; 3: the key of what is sealed, which opens it until then.
        """
        return _STAGES.get(self, 0)

    @property
    def residue(self) -> bool:
        """Whether it takes away what was freed, and nothing that is anybody's."""
        return self.stage in {1, 2}


_STAGES = {
    Technique.RECYCLE_WAL: 1,
    Technique.REWRITE_CATALOGUE: 1,
    Technique.REMOVE_LOG: 1,
    Technique.RESET_STATISTICS: 1,
    Technique.COMPACT: 1,
    Technique.SCRUB_FREE_SPACE: 2,
    Technique.CRYPTOGRAPHIC_ERASE: 3,
}


class Method(StrEnum):
    """NIST SP 800-88 method earned, or ``logical-delete``, which makes no NIST claim."""

    CLEAR = "clear"
    PURGE = "purge"
    LOGICAL_DELETE = "logical-delete"


class Known(StrEnum):
    """An answer that may be missing."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeyErasure:
    """The conditions of a cryptographic erase (NIST SP 800-88r2, 3.1.3), of one holding.

    What nobody has said or measured is the default.
    """

    ever_in_clear: Known = Known.UNKNOWN  # the data, in the store where the holding is
    escrowed: Known = Known.UNKNOWN
    backed_up: Known = Known.UNKNOWN
    strength_bits: int = 0
    entropy_bits: int = 0
    keys: int = 1  # that open it, with those that open them, each with every copy
    destroyed: int = 0
    scheduled: int = 0

    @property
    def purges(self) -> bool:
        """Whether all of them hold, so that the erase is a purge."""
        facts = {self.ever_in_clear, self.escrowed, self.backed_up}
        bits = min(self.strength_bits, self.entropy_bits)
        return facts == {Known.NO} and bits >= _ENOUGH and self.destroyed == self.keys


_ENOUGH = 128  # bits


@dataclass(frozen=True, slots=True)
class Cost:
    """What a destruction will cost others, as far as it can be told before."""

    exclusive: bool = False  # nobody else can use what it works on meanwhile
    writes: int | None = None  # bytes, beside what is deleted; None: cannot be told
    seconds: int | None = None  # expected, at rates that were measured; None: cannot be told
