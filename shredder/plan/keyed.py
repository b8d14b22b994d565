"""What the end of a dataset's key means for a plan.

What is sealed to the key can be read as long as the key lives, and not after. So the key goes last,
and only where everything sealed that was found goes, too: what is to stay, or waits for a decision,
must not be lost with it. What is sealed is destroyed where it lies, as anything else is; where its
store may not do that, because of a lock that has an end or for want of a technique, the end of the
key destroys it. By the operator's word it destroys all that is sealed to it alone, but only where
the conditions of a purge hold as far as they can be told before: else each goes where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from backends.contract import Holding, Known, Technique
from shredder.config import KEYS
from shredder.plan.model import Decision, Item

_SEALED = "sealed"  # a limitation
WAITS = "sealed-holdings-left"
HELD = "legal-hold"  # a lock that forbids destruction by whatever means
LIVE = "live"
# Details of keys, and of what goes by their end.
KEY, CLEAR, STATE, UNTIL, WAITS_DAYS = "key", "clear", "state", "until", "waits_days"
ESCROWED, BACKED_UP, OVERWRITES = "escrowed", "backed_up", "overwrites"

CANCELLED = "key-deletion-cancelled"  # a limitation: somebody ended a key's wait to be deleted
WINDOW = "deletion-window"  # a reason: a provider's waiting period runs

Deciding = Callable[[str, Holding], Item]
"""Decides on a holding, of an item of this id, as if it had nothing to do with a key."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """What is known of a dataset's key before anything is decided."""

    key: str = ""  # the id of the one that lives and was found; empty: none
    said: Known = Known.UNKNOWN  # by the operator: whether what it seals lay in the clear before
    waits: bool = False  # something sealed stays, so that it must not go
    clear: frozenset[str] = frozenset()  # stores where the dataset lies, or lay, in the clear
    wanted: bool = False  # what is sealed is to be left to the key, where the conditions hold
    not_by_key: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By store, codes: the conditions that do not, where that is wanted."""

    def leaves(self, holding: Holding) -> bool:
        """Whether a sealed holding stays where it lies, though its store could delete it."""
        return self.wanted and not self.not_by_key.get(holding.store)


def foresee(
    items: Iterable[tuple[str, Holding]],
    sources: Iterable[str],
    deciding: Deciding,
    *,
    wanted: bool = False,
) -> Keyed:
    """Find out, of all that was found, what a plan has to know of the key.

    `sources` are the stores that the dataset's records were read from, where they lay in the clear.
    `wanted`: what is sealed is to be left to the key.
    """
    key, said, waits, clear = "", Known.UNKNOWN, False, set(sources)
    sealed, against = set[str](), tuple[str, ...]()
    for item_id, holding in items:
        if holding.store == KEYS:
            goes = deciding(item_id, holding).decision is Decision.DESTROY
            waits = waits or not goes
            if holding.details.get(STATE) == LIVE:
                key, said = holding.locator, Known(str(holding.details[CLEAR]))
                against = tuple(_against(holding))
        elif has_sealed(holding):
            item = _by_key(deciding(item_id, holding), deciding)
            waits = waits or item.decision is not Decision.DESTROY
            sealed |= {holding.store} if holding.sealed else set()
        elif in_the_clear(holding):
            clear.add(holding.store)
    against = ((WAITS,) if waits else ()) + (against if key else ("key-not-living",))
    bare = clear if said is Known.NO else sealed
    reasons = {each: against + (("data-in-clear",) if each in bare else ()) for each in sealed}
    told = {each: codes for each, codes in sorted(reasons.items()) if wanted and codes}
    return Keyed(key, said, waits, frozenset(clear), wanted, told)


def _against(key: Holding) -> Iterator[str]:
    """Why what is sealed to a living key is not to be left to it, wherever that lies."""
    if key.details.get(ESCROWED) != Known.NO:
        yield "key-escrowed"
    if key.details.get(BACKED_UP) != Known.NO:
        yield "key-backed-up"
    if not key.details.get(OVERWRITES):
        yield "key-erase-not-shown"


def settle(item: Item, keyed: Keyed, deciding: Deciding) -> Item:
    """An item as it stands in the plan, now that is known what becomes of the key."""
    holding = item.holding
    if holding.store == KEYS:
        if keyed.waits and item.decision is Decision.DESTROY:
            return replace(item, decision=Decision.UNDECIDED, technique=None, reason=WAITS)
        return replace(item, holding=_told(holding, keyed, bare=bool(keyed.clear)))
    by_key = _by_key(item, deciding, leave=keyed.leaves(holding))
    if by_key is item or keyed.waits or not keyed.key:
        return item
    return replace(by_key, holding=_told(holding, keyed, bare=holding.store in keyed.clear))


def _by_key(item: Item, deciding: Deciding, *, leave: bool = False) -> Item:
    """The item as the end of the key would have it, if it is its store that spares it.

    `leave`: or if it would be destroyed where it lies.
    """
    holding = item.holding
    locked = holding.retained_until and holding.retention != HELD
    spared = locked or item.decision is Decision.IMPOSSIBLE
    if not holding.sealed or not (spared or (leave and item.decision is Decision.DESTROY)):
        return item
    free = replace(
        holding,
        whole=Technique.CRYPTOGRAPHIC_ERASE,
        partial=None,
        obstacle="",
        retention="",
        retained_until="",
    )
    found = deciding(item.id, free)
    return found if found.decision is Decision.DESTROY else item


def _told(holding: Holding, keyed: Keyed, *, bare: bool) -> Holding:
    """Have the details say by which key, and whether the data lay in the clear in that store."""
    clear = Known.YES if bare else keyed.said
    return replace(holding, details={**holding.details, KEY: keyed.key, CLEAR: clear.value})


def in_the_clear(holding: Holding) -> bool:
    """Whether records lie in a holding that no key opens, or may."""
    keyed = holding.store == KEYS or has_sealed(holding)
    return not keyed and holding.records != 0 and not holding.residue


def has_sealed(holding: Holding) -> bool:
    """Whether a holding is sealed, or has something sealed in it, that a key opens."""
    return holding.sealed or _SEALED in holding.limitations


def by_anothers_key(holding: Holding, technique: Technique | None) -> bool:
    """Whether it is the end of the dataset's key that destroys something in another store."""
    by_key = technique is Technique.CRYPTOGRAPHIC_ERASE
    return by_key and holding.store != KEYS and holding.whole is not technique
