"""Content in any wrapper: byte streams cut into record windows for a matcher.

Shared by the backends whose units are byte streams (files, delimited exports, objects).
:func:`examine_stream` opens the containers that an opener is installed for, turns text of any
encoding into UTF-8, cuts it into records and has a matcher classify them. What it could not look
into is named in :attr:`Reading.reason`: such a stream has not been examined in full, whatever was
found in it. ``docs/writing-an-opener.md`` says how one is added.
"""

from backends.content._base64 import compiled_texts, may_hold_base64
from backends.content._bounds import Bounds, Limits, Stop
from backends.content._dialect import Dialect
from backends.content._encoding import SAMPLE, UTF8_BOM, ebcdic, is_binary, wide_encoding
from backends.content._examine import Examiner, Sink, examine_stream
from backends.content._fields import fields_of, has_inner_break
from backends.content._lines import route
from backends.content._opener import HEAD, Beside, Declined, Member, Opaque, Opener, Part, Raw, Rows
from backends.content._placed import Stretch
from backends.content._reading import Reading
from backends.content._records import Block
from backends.content._registry import check, identify, installed_openers
from backends.content._several import WITHIN, holds_several
from backends.content._source import CHUNK, Readable, Source
from backends.content._sums import added, beside

__all__ = [
    "CHUNK",
    "HEAD",
    "SAMPLE",
    "UTF8_BOM",
    "WITHIN",
    "Beside",
    "Block",
    "Bounds",
    "Declined",
    "Dialect",
    "Examiner",
    "Limits",
    "Member",
    "Opaque",
    "Opener",
    "Part",
    "Raw",
    "Readable",
    "Reading",
    "Rows",
    "Sink",
    "Source",
    "Stop",
    "Stretch",
    "added",
    "beside",
    "check",
    "ebcdic",
    "examine_stream",
    "fields_of",
    "has_inner_break",
    "holds_several",
    "identify",
    "installed_openers",
    "is_binary",
    "may_hold_base64",
    "ready",
    "wide_encoding",
]


def ready() -> None:
    """Load what else is loaded when it is first needed: openers, and compiled code."""
    installed_openers()
    route()
    compiled_texts()
