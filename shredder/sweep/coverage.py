"""Coverage: for every unit of every scope, what became of it. Never implied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from backends.contract import CoverageStatus

# The worst of a scope's units is the scope's status.
_WORST_FIRST = (
    CoverageStatus.UNREACHABLE,
    CoverageStatus.FAILED,
    CoverageStatus.EXCLUDED,
    CoverageStatus.EXAMINED,
)

WHOLE_STORE = "*"  # the scope of a store that could not even be asked for its scopes


@dataclass(frozen=True, slots=True)
class ScopeCoverage:
    """The coverage of one scope.

    `units_total` = examined + failed + unreachable + excluded; with `listed` false the listing
    did not end, and there may be more. `unchanged` of the examined ones were not read again:
    an earlier sweep examined them in this very state and found nothing.
    """

    store: str
    identity: str
    scope: str
    listed: bool
    examined: int
    failed: int
    unreachable: int
    excluded: int
    reasons: tuple[tuple[str, int], ...]  # code, number of units; the most frequent first
    as_of: str
    unchanged: int = 0

    @property
    def units_total(self) -> int:
        """How many units the listing named."""
        return self.examined + self.failed + self.unreachable + self.excluded

    @property
    def status(self) -> CoverageStatus:
        """The worst of its units; unreachable, if the listing did not end."""
        if not self.listed:
            return CoverageStatus.UNREACHABLE
        counts = {
            CoverageStatus.UNREACHABLE: self.unreachable,
            CoverageStatus.FAILED: self.failed,
            CoverageStatus.EXCLUDED: self.excluded,
        }
        return next((s for s in _WORST_FIRST if counts.get(s)), CoverageStatus.EXAMINED)

    @property
    def reason(self) -> str:
        """The most frequent reason code; empty where all was examined."""
        return self.reasons[0][0] if self.reasons else ""


class Coverage:
    """Counts what becomes of the units of one scope."""

    def __init__(self, store: str, identity: str, scope: str, as_of: str = "") -> None:
        self._store, self._identity, self._scope, self._as_of = store, identity, scope, as_of
        self._counts: Counter[CoverageStatus] = Counter()
        self._reasons: Counter[str] = Counter()
        self._listed = False
        self.unchanged = 0  # of the examined

    def count(self, status: CoverageStatus, reason: str = "") -> None:
        """One more unit."""
        self._counts[status] += 1
        if reason:
            self._reasons[reason] += 1

    def broken_off(self, reason: str) -> None:
        """The listing could not go on: what is beyond is unknown."""
        self._reasons[reason] += 1

    def listing_ended(self) -> None:
        """The listing named everything there is."""
        self._listed = True

    def stated(self) -> ScopeCoverage:
        """The statement."""
        return ScopeCoverage(
            store=self._store,
            identity=self._identity,
            scope=self._scope,
            listed=self._listed,
            examined=self._counts[CoverageStatus.EXAMINED],
            failed=self._counts[CoverageStatus.FAILED],
            unreachable=self._counts[CoverageStatus.UNREACHABLE],
            excluded=self._counts[CoverageStatus.EXCLUDED],
            reasons=tuple(self._reasons.most_common()),
            as_of=self._as_of,
            unchanged=self.unchanged,
        )


def could_look(coverage: Iterable[ScopeCoverage]) -> bool:
    """Whether nothing failed or stayed out of reach (what is excluded was not meant to be)."""
    blind = {CoverageStatus.FAILED, CoverageStatus.UNREACHABLE}
    return all(entry.listed and entry.status not in blind for entry in coverage)
