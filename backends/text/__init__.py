"""Text in any wrapper: byte streams cut into record windows for a matcher.

Shared by the backends whose units are byte streams (files, delimited exports, objects).
:func:`examine_stream` opens the containers it knows, turns UTF-16 and UTF-32 into UTF-8, cuts
the text into records and has a matcher classify them. What it could not look into is named in
:attr:`Reading.reason`: such a stream has not been examined in full, whatever was found in it.
"""

from backends.text._dialect import Dialect
from backends.text._encoding import SAMPLE, UTF8_BOM, wide_encoding
from backends.text._examine import Sink, examine_stream
from backends.text._fields import fields_of, has_inner_break
from backends.text._magic import identify
from backends.text._reading import Limits, Reading
from backends.text._records import Block

__all__ = [
    "SAMPLE",
    "UTF8_BOM",
    "Block",
    "Dialect",
    "Limits",
    "Reading",
    "Sink",
    "examine_stream",
    "fields_of",
    "has_inner_break",
    "identify",
    "wide_encoding",
]
