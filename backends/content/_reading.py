"""What reading one stream gave."""

from __future__ import annotations

from dataclasses import dataclass

from backends.contract import Evidence, Verdict

SEALED_VALUE = "sealed-value"
AGE = "age"
SEALED = frozenset({AGE, SEALED_VALUE})  # layers of what was sealed to the dataset's key


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stream holds.

    A detected header row counts as blank in `evidence`: it is neither record nor foreign.
    """

    evidence: Evidence
    bytes_read: int  # taken from the stream, containers closed
    digest: str  # keyed, over these bytes; empty where none was wanted
    reason: str  # a code why it was not examined in full; empty: it was
    layers: tuple[str, ...]  # containers opened, outermost first
    texts: int  # texts found: one, but for archives and what follows a container
    divided: bool  # every window that holds a record is known to be one record
    regular: bool  # every quote mark stood where RFC 4180 has it
    sealed: bool = False  # all of it, to the dataset's key and to nobody else's

    @property
    def limitations(self) -> tuple[str, ...]:
        """Codes of what holds of every copy that reads so."""
        return () if SEALED.isdisjoint(self.layers) else ("sealed",)

    @property
    def beside(self) -> bool:
        """Whether all that was read is sealed texts, which are no records by themselves."""
        return self.layers == (SEALED_VALUE,) and not self.texts

    @property
    def foreign_records(self) -> int | None:
        """Records that are not certainly the dataset's. None: there might be any number.

        Records of a person who is in the dataset count: they may well be another's. So may all of
        a copy be in which no single one is told to be the dataset's.
        """
        evidence = self.evidence
        untold = evidence.verdict is Verdict.COPY and not evidence.records
        if self.reason or not self.divided or (untold and not evidence.others):
            return None
        return evidence.others
