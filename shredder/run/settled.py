"""What the attestation that a run's is to replace left pending, and what is found of it now.

Nothing of it is destroyed by that: a provider was told to, and its wait may be over. Of a key the
conditions of its end are told anew, by what is shown now. The file is JSON Lines in the run's
folder, a line for each holding that the run's own plan does not list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from backends.contract import Finding, KeyErasure, Known, Method, Verification
from backends.errors import BackendError
from shredder import durable, values
from shredder.config import KEYS
from shredder.errors import Refused
from shredder.journal import Run
from shredder.plan import Item, digest_of, read_items
from shredder.plan.by_key import Alike, alike, by_key_items, every_item
from shredder.plan.keyed import KEY, WINDOW, by_anothers_key, in_the_clear
from shredder.run.again import again_file
from shredder.run.ended import ended
from shredder.run.residue import verify
from shredder.run.results import Outcome, Status, read_results
from shredder.run.work import Work, batches, stores_or_errors
from shredder.spool import Spool, SpooledSet

_BATCH = 256
_OF_KEYS = 10_000  # each batch asks once for each key: a provider, it may be
_PENDING = "pending"  # an outcome of a run


@dataclass(frozen=True, slots=True)
class _Found:
    """What the sweeps of the run found: each by store, locator and version."""

    planned: SpooledSet
    again: SpooledSet  # by the second one alone
    clear: set[str]  # stores where records lie in the clear
    opened: set[str]  # keys by which something can be opened still, whoever has them

    def is_back(self, each: Settled) -> bool:
        """Whether what is pending is there, whatever its store or its key's says of it."""
        return self.again.has(*_place(each.item)) or _key(each) in self.opened


@dataclass(frozen=True, slots=True)
class Settled:
    """A holding that was pending: the line of the plan that it was to go by, and what came of it.

    It is pending still where its provider has it, or nobody could tell.
    """

    item: Item
    outcome: Outcome


def replaced(work: Work, dataset: str) -> Run | None:
    """The run whose attestation the dataset's next one replaces; None: it is not pending."""
    for last in work.journal.attested(dataset)[-1:]:
        if last.facts["outcome"] == _PENDING:
            return last
    return None


def pending_of(work: Work, run: Run) -> Iterator[Settled]:
    """What a run left pending, one by one; nothing, where its manifest is destroyed."""
    if run.forgotten:
        return
    lines = zip(read_items(work.plan_file(run.id)), read_results(work, run.id), strict=True)
    for item, outcome in lines:
        if outcome.status is Status.PENDING:
            yield Settled(item, outcome)
    yield from _pending_by_key(work, run)
    for each in read_settled(work, run.id):
        if each.outcome.status is Status.PENDING:
            yield each


def _pending_by_key(work: Work, run: Run) -> Iterator[Settled]:
    """What was to end with a key that waits: told one by one, as each may be found by itself."""
    waits: dict[Alike, Outcome] = {}
    for each in ended(work, run.id):
        if each.outcome.status is Status.PENDING:
            group = each.group
            waits[group.store, group.kind, group.whole, group.clear.value] = each.outcome
    for item in by_key_items(work.plan_file(run.id)) if waits else ():
        yield Settled(item, replace(waits[alike(item)], id=item.id))


def settled_file(work: Work, run: str) -> Path:
    """Where it is written; there is none where nothing is replaced."""
    return work.state.run(run) / "settled.jsonl"


def write_settled(work: Work, run: str, dataset: str, spool: Spool) -> str:
    """Look for what was pending, and write what came of it durably; repeatable.

    Returns the file's digest; empty: no attestation is replaced, and no file is written.
    """
    before = replaced(work, dataset)
    if before is None:
        return ""
    found = _found(work, run, before, spool)
    left = (each for each in pending_of(work, before) if not found.planned.has(*_place(each.item)))
    path = settled_file(work, run)
    durable.write(path, map(values.dumps, _looked_for(work, dataset, left, found)))
    return digest_of(path)


def _found(work: Work, run: str, before: Run, spool: Spool) -> _Found:
    found = _Found(spool.new_set(), spool.new_set(), set(), set())
    sweeps = (
        (found.planned, every_item(work.plan_file(run))),
        (found.again, read_items(again_file(work, run))),
    )
    for places, items in sweeps:
        for item in items:
            places.add(*_place(item))
            if in_the_clear(item.holding):
                found.clear.add(item.holding.store)
    for each in pending_of(work, before):
        place = _place(each.item)
        if _is_by_key(each) and (found.planned.has(*place) or found.again.has(*place)):
            found.opened.add(_key(each))
    return found


def read_settled(work: Work, run: str) -> Iterator[Settled]:
    """What was written. Raises Refused if a line is damaged."""
    try:
        file = settled_file(work, run).open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                yield values.loads(Settled, line)
            except values.NotOfItsType:
                raise Refused(
                    f"what run {run} found of what had been pending is damaged",
                    hint="the attestation stands: `shredder show` and `verify` do without it",
                ) from None


def _looked_for(
    work: Work, dataset: str, left: Iterable[Settled], found: _Found
) -> Iterator[Settled]:
    with stores_or_errors(work, dataset, work.observer.step) as stores:
        matcher = work.matcher(dataset)
        for name, group in groupby(left, key=_asked):
            store = stores.get(name, BackendError("", reason="store-not-configured"))
            for batch in batches(group, _OF_KEYS if name == KEYS else _BATCH):
                orders = [each.item.order() for each in batch]
                answers = verify(work, store, orders, matcher)
                for each, said in zip(batch, answers, strict=True):
                    back = said.finding is Finding.ABSENT and found.is_back(each)
                    seen = replace(said, finding=Finding.RESIDUE, reason="") if back else said
                    yield replace(each, outcome=judged(each, seen, found.clear))


def _is_by_key(each: Settled) -> bool:
    return by_anothers_key(each.item.holding, each.item.technique)


def _asked(each: Settled) -> str:
    """The store that is asked for it: of what was to end with a key, that of the key."""
    return KEYS if _is_by_key(each) else each.item.holding.store


def _key(each: Settled) -> str:
    """The id of the key that it is, or was to end with; empty: it has to do with none."""
    holding = each.item.holding
    if _is_by_key(each):
        return str(holding.details[KEY])
    return holding.locator if holding.store == KEYS else ""


def judged(each: Settled, seen: Verification, clear: set[str]) -> Outcome:
    """Judge one holding: what nobody could see gone is pending as before."""
    item, before = each.item, each.outcome
    waits = seen.finding is Finding.INCONCLUSIVE or seen.reason == WINDOW
    status, method = Status.FAILED, None
    if seen.finding is Finding.ABSENT:
        # What its provider overwrote, nobody has seen.
        status, method = Status.VERIFIED, Method.LOGICAL_DELETE
    elif waits:
        status = Status.PENDING
    gone = status is Status.VERIFIED
    return replace(
        before,
        status=status,
        reason="" if gone else seen.reason or "residue",
        method=method,
        until=before.until if waits else "",
        finding=seen.finding,
        looked=seen.looked,
        numbers={},
        residue=seen.numbers,
        erasure=before.erasure and _conditions(before.erasure, item, clear, status),
    )


def _conditions(before: KeyErasure, item: Item, clear: set[str], status: Status) -> KeyErasure:
    """An erase's conditions: keys by what was seen, and the clear by what was found meanwhile."""
    store = item.holding.store
    bare = bool(clear) if store == KEYS else store in clear
    gone, waits = status is Status.VERIFIED, status is Status.PENDING
    return replace(
        before,
        ever_in_clear=Known.YES if bare else before.ever_in_clear,
        destroyed=before.keys if gone else 0,
        scheduled=before.scheduled if waits else 0,
    )


def _place(item: Item) -> tuple[str, str, str]:
    return item.holding.store, item.holding.locator, item.holding.version
