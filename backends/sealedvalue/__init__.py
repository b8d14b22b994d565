"""Sealed values: single values, encrypted under a dataset's key and bound to their cell.

For a column of a database or of a CSV file: whoever has the key seals and opens, and when the key
is destroyed, every value goes with it, in each copy of the table. The form, in bytes::

    6   magic; in base64 it reads SEALEDv1
    1   kind: bit 0, a text (UTF-8) and not bytes; bit 1, under a record's own key
    8   tag: which key
    8   only with bit 1: the record's path in the key tree
    24  nonce, random
    …   XAES-256-GCM (c2sp.org/XAES-256-GCM) of the cell and the value; the associated data is all
        before the nonce
    16  its tag

The cell stands within what is encrypted: three texts, table, column and row, each behind its length
in two bytes, the most significant first. Why it does not stand beside: docs/decisions/0018.
"""

from backends.sealedvalue._errors import (
    Altered,
    Misplaced,
    NotSealed,
    OtherKey,
    RecordDestroyed,
    SealedValueError,
)
from backends.sealedvalue._form import Cell, is_sealed, is_sealed_text, of_text, to_text
from backends.sealedvalue._kept import identity, tree_opened, tree_sealed, values_of_identity
from backends.sealedvalue._objects import customer_key
from backends.sealedvalue._tree import KeyTree
from backends.sealedvalue._values import Values

__all__ = [
    "Altered",
    "Cell",
    "KeyTree",
    "Misplaced",
    "NotSealed",
    "OtherKey",
    "RecordDestroyed",
    "SealedValueError",
    "Values",
    "customer_key",
    "identity",
    "is_sealed",
    "is_sealed_text",
    "of_text",
    "to_text",
    "tree_opened",
    "tree_sealed",
    "values_of_identity",
]
