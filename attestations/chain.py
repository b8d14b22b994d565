"""Step 15: how a result stands among the issuer's other results that the auditor holds.

Each result names the one before it (`previous`) by the digest of its envelope. So what was left
out shows as a gap, and a history told in two ways as a fork. Pure functions over verified
statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from attestations.destruction import Destruction, Outcome, Status, Target
from attestations.errors import Code, Replayed

MAX_OTHERS = 256


@dataclass(frozen=True, slots=True)
class Link:
    """A verified result: the digest of its envelope, and the keys that were counted on it."""

    digest: str
    result: Destruction
    keyids: frozenset[str]


def check_chain(this: Link, others: Iterable[Link]) -> tuple[str, ...]:
    """Refuse a result that stands wrongly among others; returns findings for people.

    One given twice counts once. Raises Replayed: E_REPLAY, E_FORK, E_SUPERSEDED.
    """
    links = list({link.digest: link for link in (this, *others)}.values())
    for one, two in combinations(links, 2):
        _check_replay(one.result, two.result)
        _check_fork(one, two)
    known = {link.digest: link.result for link in links}
    for link in links:
        _check_replaced(link.result, known)
    if any(link.result.supersedes == this.digest for link in links):
        raise Replayed(Code.E_SUPERSEDED, "a later attestation that was supplied replaces it")
    return _findings(this, links)


def _check_replay(one: Destruction, two: Destruction) -> None:
    if one.attestation_id == two.attestation_id or one.plan == two.plan:
        raise Replayed(Code.E_REPLAY, "one run was attested twice, differently")
    # Leaves are salted by a secret of the run's own: two runs never have a root in common.
    if one.inventory.size and one.inventory.root == two.inventory.root:
        raise Replayed(Code.E_REPLAY, "two attestations are over one inventory")
    if one.results.size and one.results.root == two.results.root:
        raise Replayed(Code.E_REPLAY, "two attestations are over the same results")


def _check_fork(one: Link, two: Link) -> None:
    if one.result.previous != two.result.previous:
        return
    if one.result.previous is not None:
        raise Replayed(Code.E_FORK, "two attestations name the same one as the one before them")
    if one.keyids == two.keyids:
        raise Replayed(Code.E_FORK, "two attestations by the same keys say to be the first")


def _check_replaced(result: Destruction, known: dict[str, Destruction]) -> None:
    replaced = known.get(result.supersedes) if result.supersedes is not None else None
    if replaced is None:
        return
    if replaced.outcome is not Outcome.PENDING:
        raise Replayed(Code.E_SUPERSEDED, "an attestation replaces one that is not pending")
    if (replaced.controller, replaced.dataset.label) != (result.controller, result.dataset.label):
        raise Replayed(Code.E_SUPERSEDED, "an attestation replaces one about something else")
    if not _counted(result.settled) <= _counted(_pending(replaced)):
        raise Replayed(Code.E_SUPERSEDED, "an attestation settles what had not been pending")


def _pending(result: Destruction) -> Iterable[Target]:
    return (target for target in result.groups if target.status is Status.PENDING)


def _counted(groups: Iterable[Target]) -> Counter[tuple[str, str, str | None, bool]]:
    """Holdings by what cannot change until they are settled."""
    counts = Counter[tuple[str, str, str | None, bool]]()
    for each in groups:
        counts[each.store, each.kind, each.technique, each.whole] += each.holdings
    return counts


def _findings(this: Link, links: Sequence[Link]) -> tuple[str, ...]:
    if len(links) == 1:
        return ("chain of attestations: not asked",)
    digests = {link.digest for link in links}
    missing = {link.result.previous for link in links} - digests - {None}
    lines = [f"chain: held against {len(links) - 1} other attestations; no fork, no replay"]
    if this.result.previous is None:
        lines.append("chain: it says to be the issuer's first")
    elif this.result.previous in digests:
        lines.append("chain: the one before it is among them")
    if missing:
        lines.append(f"chain: {len(missing)} that are named as the one before were not supplied")
    return tuple(lines)
