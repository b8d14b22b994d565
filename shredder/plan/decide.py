"""What is to become of each holding: one pure function."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from backends.contract import Holding, Verdict
from backends.errors import BY_VALUES
from shredder.config import Location
from shredder.errors import UsageError
from shredder.plan.model import Decision, Item, Mixed, Options
from shredder.plan.rulings import Ruling


def decide(
    item_id: str,
    holding: Holding,
    options: Options,
    declared: Sequence[Location],
    ruling: Ruling = Ruling.NONE,
) -> Item:
    """Decide on one holding.

    A lock of the store's comes first, then the operator's `ruling` on this holding, then the
    verdict, then the foreign records: without the operator's word nothing but a certain, unmixed
    or rewritable holding is destroyed, and of a mixed one no record that may be another's by
    chance. Residue is never mixed: what goes of it is nobody's. Raises UsageError for a certain
    copy that is dismissed.
    """

    def left(decision: Decision, reason: str) -> Item:
        return Item(item_id, holding, decision, None, whole=False, reason=reason)

    if holding.retention or holding.retained_until:
        return left(Decision.RETAINED, holding.retention or "locked")
    if ruling is Ruling.RETAIN:
        return left(Decision.RETAINED, "retained-by-decision")
    if ruling is Ruling.DISMISS:
        if holding.verdict is Verdict.COPY:
            raise UsageError(
                f"a certain copy in store {holding.store} was dismissed by a decision",
                hint="rule `retain` if it is to stay: then the attestation names it as left",
            )
        return left(Decision.DISMISSED, "dismissed-by-decision")
    certain = holding.verdict is Verdict.COPY or is_declared(holding, declared)
    included = holding.verdict in options.include or ruling is not Ruling.NONE
    if not certain and not included:
        if holding.verdict in options.dismiss:
            return left(Decision.DISMISSED, f"verdict-{holding.verdict.value}")
        return left(Decision.UNDECIDED, f"verdict-{holding.verdict.value}")
    # The content of an unfinished upload is unknown, not mixed: including it by its verdict is
    # the decision on all of it.
    unknown = holding.foreign_records is None and not certain and ruling is not Ruling.DESTROY
    whole, partial = holding.whole, holding.partial
    if not holding.mixed or unknown or ruling is Ruling.DESTROY_WHOLE:
        if whole is None:
            return left(Decision.IMPOSSIBLE, holding.obstacle or "no-technique")
        every = holding.mixed  # the operator's word for content that nobody can look at
        return Item(item_id, holding, Decision.DESTROY, whole, whole=every, reason="")
    by_chance = BY_VALUES in holding.limitations and ruling is not Ruling.DESTROY
    if partial is not None and holding.records and not by_chance:
        return Item(item_id, holding, Decision.DESTROY, partial, whole=False, reason="")
    if options.mixed is Mixed.WHOLE and whole is not None:
        return Item(item_id, holding, Decision.DESTROY, whole, whole=True, reason="")
    if whole is None:
        return left(Decision.IMPOSSIBLE, holding.obstacle or "no-technique")
    waits = BY_VALUES if partial is not None and by_chance else "mixed"
    return left(Decision.UNDECIDED, holding.obstacle or waits)


def is_declared(holding: Holding, declared: Sequence[Location]) -> bool:
    """Whether the operator has declared a holding to be there."""
    return any(
        where.store == holding.store and fnmatch.fnmatchcase(holding.locator, where.pattern)
        for where in declared
    )
