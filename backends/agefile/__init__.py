"""Files in the format of age, version 1 (c2sp.org/age): read and written for X25519 recipients.

Everything is streamed: a chunk of 64 KiB is in memory at a time, and no byte of it is given out
before all of it is authenticated. A file that was cut short is known at its end, not before.
"""

from backends.agefile._bech32 import identity_text, recipient_text
from backends.agefile._errors import AgeError, Damaged, NoMatch, NotAge
from backends.agefile._file import decrypted, encrypted, fits, is_age, recipients

__all__ = [
    "AgeError",
    "Damaged",
    "NoMatch",
    "NotAge",
    "decrypted",
    "encrypted",
    "fits",
    "identity_text",
    "is_age",
    "recipient_text",
    "recipients",
]
