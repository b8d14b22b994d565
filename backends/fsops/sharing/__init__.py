"""Which other files have blocks in common with a file, and where they lie.

A reflink, a snapshot and a deduplication give the same blocks to several files: overwriting one
leaves the bytes to the others. btrfs tells root who they are; xfs does where it keeps a reverse
map, and else every file that its mounts show is looked at. Other file systems that overwrite in
place share nothing.
"""

from backends.fsops.sharing._found import NOT_COUNTED, NOT_TOLD, Hidden, Shared
from backends.fsops.sharing._search import WITH_EARLIER, Search, limit_of, search_of

__all__ = [
    "NOT_COUNTED",
    "NOT_TOLD",
    "WITH_EARLIER",
    "Hidden",
    "Search",
    "Shared",
    "limit_of",
    "search_of",
]
