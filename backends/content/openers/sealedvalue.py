"""Sealed values: opened by the dataset's key, where it is to be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.content import Beside, Bounds, Declined, Member, Opener, Part, Source, Stop
from backends.sealedvalue import (
    Altered,
    RecordDestroyed,
    SealedValueError,
    is_sealed,
    values_of_identity,
)


class SealedValue(Opener):
    """Opens a value that is sealed to the dataset; what is sealed to others is left as it is."""

    name = "sealed-value"

    def recognises(self, head: bytes) -> bool:
        """Tell by the first six bytes."""
        return is_sealed(head)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the value: a text, which is no record by itself, or a document of whatever kind."""
        sealed = source.peek(bounds.limits.memory + 1)
        if len(sealed) > bounds.limits.memory:
            raise Stop("too-large-to-open")
        value = _opened(sealed, bounds.identities())
        source.exactly(len(sealed))
        if isinstance(value, bytes):
            yield Member(Source(iter((value,))))
        elif value:
            text = value.encode()
            yield Beside(iter(((text, [len(text)]),)))


SEALED_VALUE = SealedValue()


def _opened(sealed: bytes, identities: Sequence[bytes]) -> str | bytes:
    """The value, empty where its record's key is destroyed. Raises Declined, Stop."""
    for identity in identities:
        with values_of_identity(identity) as values:
            try:
                return values.found(sealed)[1]
            except RecordDestroyed:
                return ""  # nobody opens it any more: there is nothing of the record in it
            except Altered:
                raise Stop("damaged-container") from None
            except SealedValueError:
                continue
    raise Declined
