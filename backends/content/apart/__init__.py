"""Reading by libraries that a damaged file may crash, or make hang or eat memory.

They run in a process of their own, whose memory and time are bounded, which may leave no core
file behind, and which has no other access to the document than asking for bytes of it. The
process that was lost costs its document, not the sweep.

A *reader* is a function of a module, named ``module:function``. It gets the document as a file
that can seek and yields what it finds: :class:`Block`, :class:`Names`, :class:`Inner`,
:class:`Loose` or :class:`Unread`. It raises what it likes.
"""

from backends.content.apart._found import Block, Found, Inner, Loose, Names, Unread
from backends.content.apart._parent import as_parts, read_apart

__all__ = ["Block", "Found", "Inner", "Loose", "Names", "Unread", "as_parts", "read_apart"]
