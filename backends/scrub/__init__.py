"""Overwriting what a file system has freed: its free blocks, inodes and journal.

Earlier versions, and files that were deleted without shredder, lie there until they happen to be
written over. :func:`scrub` has that happen, by the procedure that was measured on raw images
(``tests/forensic``), and says how far it came.
"""

from backends.scrub._reserve import Reserve
from backends.scrub._scrub import KINDS, Limits, Scrubbed, scrub

__all__ = ["KINDS", "Limits", "Reserve", "Scrubbed", "scrub"]
