"""Setting apart what ends with a dataset's key: listed, summed up and committed to, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from attestations import Committer, MerkleBuilder
from shredder import durable
from shredder.config import KEYS
from shredder.evidence.trees import INVENTORY, RESULTS, committer
from shredder.plan import Item
from shredder.plan.by_key import Sums, list_beside
from shredder.plan.codec import dump_item
from shredder.plan.keyed import KEY, by_anothers_key
from shredder.plan.model import ByKey
from shredder.run.ended import ended_line
from shredder.run.results import Status
from shredder.run.work import Work
from shredder.spool import Spool


def set_apart(
    work: Work, run: str, items: Iterable[Item], spool: Spool
) -> tuple[Iterable[Item], ByKey | None]:
    """Write down durably what ends with the key; returns the other items, which lie in the spool.

    Repeatable.
    """
    path = list_beside(work.plan_file(run))
    others = spool.new_list(Item)
    made = _List(committer(work.state.run(run)))
    orders: dict[str, str] = {}

    def lines() -> Iterator[bytes]:
        for item in items:
            if by_anothers_key(item.holding, item.technique):
                yield made.line(item)
                continue
            if item.holding.store == KEYS:
                orders[item.holding.locator] = item.id
            others.append(item)

    durable.write(path, lines())
    if not made.size:
        durable.destroy(path)  # that of an attempt that was broken off, too
        return others, None
    return others, made.stated(orders[made.key])


class _List:
    """The list as it is made: digested, summed up, and committed to twice."""

    def __init__(self, made_by: Committer) -> None:
        self.key, self.size = "", 0
        self._made_by, self._digest = made_by, hashlib.sha256()
        self._inventory, self._results = MerkleBuilder(), MerkleBuilder()
        self._sums = Sums()

    def line(self, item: Item) -> bytes:
        """The line of an item; all that is to be known of it is taken in."""
        holding = item.holding
        self.key = str(holding.details[KEY])
        index, line = self._inventory.size, dump_item(item)
        # Reckoned now, and signed only if it is what came of it; see `ended`.
        foreseen = ended_line(item.id, holding.store, self.key, Status.VERIFIED)
        leaf = self._made_by.leaf
        self._inventory.add(leaf(INVENTORY, index, line.rstrip(b"\n")))
        self._results.add(leaf(RESULTS, index, foreseen.rstrip(b"\n")))
        self._digest.update(line)
        self.size += len(line)
        self._sums.add(item)
        return line

    def stated(self, order: str) -> ByKey:
        """What the plan's header says of it; `order` destroys the key."""
        return ByKey(
            key=self.key,
            order=order,
            holdings=self._inventory.size,
            digest=f"sha256:{self._digest.hexdigest()}",
            size=self.size,
            groups=self._sums.groups(),
            inventory=tuple(peak.hex() for peak in self._inventory.peaks),
            results=tuple(peak.hex() for peak in self._results.peaks),
        )
