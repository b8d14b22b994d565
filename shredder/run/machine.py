"""A run as a state machine: every phase is entered when all before it is durable.

::

    begun -> planned -> approved -> announced -> executed -> verified -> attested
      └─> nothing   └─> abandoned (before anything is touched)

Killed at any instruction, a run is at the last phase that the journal names, and `drive` goes
on from there: every step can be repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shredder import clock, durable
from shredder.config import KEYS
from shredder.errors import Inconclusive, Refused, Undecided, UsageError
from shredder.evidence import announce, announced_file, attest, fingerprint
from shredder.evidence.apart import set_apart
from shredder.evidence.approvals import approved_plan, collect
from shredder.journal import Phase, Run
from shredder.plan import Decision, Item, Options, digest_of, dump_options, read_header, read_items
from shredder.plan.by_key import every_item, lies_there, list_beside
from shredder.run.again import again_file, sweep_again
from shredder.run.desk import Desk, Summary
from shredder.run.execute import execute, held
from shredder.run.gone_by_key import OPENED
from shredder.run.look import Rulings, decided, dismissed_before, gaps, look, write_down
from shredder.run.residue import look_for_residue
from shredder.run.results import results_file, write_results
from shredder.run.settled import settled_file, write_settled
from shredder.run.window import window_of
from shredder.run.work import STAGES, Work, new_run_id
from shredder.spool import Spool, spooled
from shredder.sweep import Problem

_TIMES = (
    "begun",
    "planned",
    "proposed",
    "approved",
    "announced",
    "started",
    "finished",
    "verified",
)


def begin(work: Work, dataset: str, options: Options, **facts: Any) -> str:
    """Begin a run; returns its id. Raises Refused if the dataset is under hold."""
    work.dataset(dataset)
    run = new_run_id()
    durable.make_private_directory(work.state.run(run))
    work.journal.begin(
        run, dataset, {"begun": clock.now(), "options": dump_options(options), **facts}
    )
    return run


def planned_in(work: Work, dataset: str, path: Path, digest: str = "") -> Run:
    """The run whose plan is in a file, and waits to be carried out.

    Raises Refused unless the file is, byte for byte, a plan that the journal has the digest of
    (and the approved `digest`, if one is given), and has not been carried out. Nothing in the
    file is looked at: it may be anything.
    """
    try:
        found = digest_of(path)
    except OSError as error:
        raise UsageError(f"the plan file cannot be read: {error.strerror}") from error
    run = next((r for r in work.journal.runs() if r.facts.get("plan_digest") == found), None)
    if run is None or (digest and found != digest):
        raise Refused(
            "this is not the plan that was approved: it has changed since; nothing was touched",
            hint="make the plan again with `shredder plan`, and have it approved",
        )
    if run.dataset != dataset:
        raise Refused(f"this plan is for dataset {run.dataset}, not for {dataset}")
    if run.phase is not Phase.PLANNED:
        raise Refused(
            f"this plan was carried out or given up: its run is {run.phase.value}",
            hint="see `shredder status`",
        )
    return run


def adopt(work: Work, run: Run, approvals: Sequence[bytes], **facts: Any) -> None:
    """Take up a plan that was made earlier, with what its approvers signed. Raises Refused."""
    if approvals:
        facts["approved_digest"] = collect(work, run, approvals)
    work.journal.enter(run.id, run.phase, **facts)


def abandon(work: Work, run: str, why: str) -> None:
    """End a run that has touched nothing."""
    assert work.journal.run(run).phase.untouched
    work.journal.enter(run, Phase.ABANDONED, why=why)


def step_back(work: Work, run: str) -> None:
    """Have a run that has touched nothing wait for approval again."""
    assert work.journal.run(run).phase.untouched
    work.journal.enter(run, Phase.PLANNED, destroying=False, approval="")


def clear_way(work: Work, dataset: str, *, keep: str = "") -> None:
    """Give up runs of a dataset that touched nothing; refuse if one has not come to its end."""
    for run in work.journal.runs(dataset):
        if run.phase.ended or not run.facts.get("destroying") or run.id == keep:
            continue
        if not run.phase.untouched:
            raise Refused(
                f"run {run.id} of dataset {dataset} is not at its end",
                hint="bring it there first: `shredder resume`",
            )
        abandon(work, run.id, "begun-anew")


def plan(work: Work, run: str, spool: Spool, decisions: Path | None = None) -> Sequence[Problem]:
    """Sweep and freeze the plan; returns what could not be examined. Repeatable.

    `decisions`: a file of rulings on single holdings. What is returned lies in the spool.
    """
    rulings = Rulings(decisions, spool)
    known = work.journal.run(run)
    dataset = work.dataset(known.dataset)
    _now(known)
    seen = look(work, dataset, spool)
    ruled = dismissed_before(work, dataset.name, spool)
    keyed = any(scope.store == KEYS for scope in seen.sweep.coverage)
    found, options = seen.sweep.holdings, work.options(run)
    lines = decided(run, found, options, dataset, ruled, rulings, keyed=keyed)
    path = work.plan_file(run)
    others, by_key = lines.items, None
    if lines.keyed is not None:
        others, by_key = set_apart(work, run, others, spool)
    not_by_key = lines.keyed.not_by_key if lines.keyed else {}
    counts = _Counts()
    counted = counts.through(others)
    digest = write_down(work, path, run, dataset, seen, counted, by_key, not_by_key)
    if rulings.used < rulings.given:
        raise UsageError(
            f"{rulings.given - rulings.used} decisions are about nothing that was found",
            hint="what has changed since is undecided again: make a new file with --undecided",
        )
    open_gaps = gaps(seen.sweep.problems, every_item(path), spool)
    came = counts.decisions
    anything = by_key or came.total() > came[Decision.DISMISSED]
    nothing = not anything and not open_gaps and not _falls_short(work, known.dataset)
    phase = Phase.NOTHING if nothing else Phase.PLANNED
    planned = clock.now(after=seen.sweep.finished)
    number = by_key.holdings if by_key else 0
    facts = {"plan_digest": digest, "planned": planned, "gaps": open_gaps, "by_key": number}
    facts |= {"decisions": came, STAGES: counts.stages}
    work.journal.enter(run, phase, **facts)
    work.observer.event("planned", run=run, holdings=len(seen.sweep.holdings), gaps=open_gaps)
    return seen.sweep.problems


class _Counts:
    """What is counted of a plan's lines as they are written: nobody reads them for that."""

    def __init__(self) -> None:
        self.decisions, self.stages = Counter[str](), Counter[str]()

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the same, counted."""
        for item in items:
            self.decisions[item.decision.value] += 1
            if item.technique is not None:
                self.stages[str(item.technique.stage)] += 1
            yield item


def _falls_short(work: Work, dataset: str) -> bool:
    """Whether the last attestation is not complete: that nothing is left now is to be attested."""
    attested = work.journal.attested(dataset)
    return bool(attested) and attested[-1].facts["outcome"] != "complete"


def drive(work: Work, run: str, desk: Desk) -> Run:
    """Bring a run to its end. Raises Refused or Inconclusive before anything is touched."""
    while not (known := work.journal.run(run)).phase.ended:
        _step(work, known, desk)
    return known


def _step(work: Work, known: Run, desk: Desk) -> None:
    run, journal = known.id, work.journal
    match known.phase:
        case Phase.BEGUN:
            with spooled(work.state.root) as spool:
                plan(work, run, spool)
        case Phase.PLANNED:
            approval = _approved(work, known, desk)
            journal.enter(run, Phase.APPROVED, approved=_now(known), approval=approval)
        case Phase.APPROVED:
            check_digest(work, known)
            work.observer.progress("announce", units=0)
            facts = announce(work, known, later=desk.timestamp_later)
            started = clock.now(after=facts["announced"])
            journal.enter(run, Phase.ANNOUNCED, **facts, started=started)
        case Phase.ANNOUNCED:
            check_digest(work, known)
            check_announced(work, known)
            execute(work, run, known.dataset)
            journal.enter(run, Phase.EXECUTED, finished=_now(known))
        case Phase.EXECUTED:
            check_digest(work, known)
            _now(known)
            look_for_residue(work, run, known.dataset)
            with spooled(work.state.root) as spool:
                again = sweep_again(work, run, work.dataset(known.dataset), spool)
                results = write_results(work, run, again.resurfaced)
                pending = write_settled(work, run, known.dataset, spool)
            verified = clock.now(after=again.finished)
            came = {
                "again_digest": again.digest,
                "results_digest": results,
                "settled_digest": pending,
                OPENED: again.opened,
            }
            journal.enter(run, Phase.VERIFIED, **came, verified=verified)
        case Phase.VERIFIED if not _looked_at_stands(work, known):
            if fingerprint.begun(known):
                raise Refused(
                    f"what run {run} measured has changed, and nothing is recognised any more",
                    hint="restore again.jsonl, results.jsonl and settled.jsonl in the run's folder",
                )
            # What a sweep and the journal gave can be had again; nothing is signed without.
            journal.enter(run, Phase.EXECUTED)
        case Phase.VERIFIED:
            check_digest(work, known)
            check_announced(work, known)
            work.observer.progress("attest", units=0)
            settled = fingerprint.settle_fingerprint(work, known)
            journal.enter(run, Phase.ATTESTED, **attest(work, settled))
        case _:
            raise AssertionError(known.phase)


def check_possible(work: Work, known: Run) -> None:
    """Raise what forbids a plan, so that nobody is asked to approve one in vain."""
    _forbidden(work, known)
    _now(known)


def _approved(work: Work, known: Run, desk: Desk) -> str:
    """What can forbid a plan, then the approvers' signatures, then the operator's word."""
    summary = _forbidden(work, known)
    approved_plan(work, known)
    return "nothing-to-destroy" if summary is None else desk.approve(summary)


def _forbidden(work: Work, known: Run) -> Summary | None:
    """Raise what forbids a plan; else say what it is to do, None for nothing at all."""
    path = work.plan_file(known.id)
    check_digest(work, known)
    header = read_header(path)
    if reason := held(work, known.dataset):
        raise Refused(
            f"dataset {known.dataset} must not be destroyed: {reason}",
            hint=f"see [datasets.{known.dataset}.hold] in the configuration",
        )
    decisions = Counter[str](known.facts["decisions"])
    decisions[Decision.DESTROY] += header.by_key.holdings if header.by_key else 0
    despite = work.options(known.id).despite_gaps and decisions.total()
    if known.facts["gaps"] and not despite:
        raise Inconclusive(
            f"not all of the stores could be examined, so nothing of {known.dataset} was touched",
            hint="see the coverage; mend it, or go on despite them with --despite-gaps",
        )
    if decisions.total() == decisions[Decision.DISMISSED]:
        return None
    window = window_of(known.facts)
    if window and not window.open() and any(_locks_out(item) for item in read_items(path)):
        raise Refused(
            f"to carry out this plan locks others out, and it is not {window} now",
            hint="begin within it; the plan names what is locked",
        )
    if known.facts.get("finalizing") and decisions[Decision.DESTROY]:
        raise Refused(
            f"what {known.dataset} waited for is still there, and this run was only to look",
            hint="make a plan anew: `shredder destroy`",
        )
    if not decisions[Decision.DESTROY]:
        if decisions[Decision.RETAINED] + decisions[Decision.IMPOSSIBLE] == decisions.total():
            raise Refused(
                f"no holding of {known.dataset} can be destroyed now: all are locked",
                hint="see the plan for the dates",
            )
        raise Undecided(
            f"no holding of {known.dataset} is certain: all wait for a decision",
            hint="see the plan, then --include or --dismiss likely and maybe, or --mixed whole",
        )
    return Summary(
        dataset=known.dataset,
        run=known.id,
        digest=known.facts["plan_digest"],
        header=header,
        to_destroy=decisions[Decision.DESTROY],
        left=decisions.total() - decisions[Decision.DESTROY],
    )


def _locks_out(item: Item) -> bool:
    cost = item.holding.cost
    return item.decision is Decision.DESTROY and cost is not None and cost.exclusive


def check_digest(work: Work, known: Run) -> None:
    """Refuse a plan file that is not, byte for byte, the one that was digested.

    So is the list of what ends with the key, before anybody is asked and before the key goes. Else
    it has to be there, and is digested when it is read.
    """
    path = work.plan_file(known.id)
    if _digest(path) == known.facts["plan_digest"] and _list_stands(path, known.phase):
        return
    changed = f"the plan of run {known.id} has changed since it was made"
    if known.phase.untouched:
        raise Refused(
            f"{changed}; nothing was touched", hint="make the plan again with `shredder plan`"
        )
    raise Refused(
        f"{changed}, and so the run cannot go on",
        hint="restore plan.jsonl and what is beside it in the run's folder from a copy, "
        "then `shredder resume`",
    )


def _list_stands(path: Path, phase: Phase) -> bool:
    by_key = read_header(path).by_key
    if by_key and phase in {Phase.PLANNED, Phase.ANNOUNCED}:
        return _digest(list_beside(path)) == by_key.digest
    return lies_there(path, by_key)


def check_announced(work: Work, known: Run) -> None:
    """Refuse a sealed plan that is not the one that was announced."""
    if _digest(announced_file(work, known.id)) != known.facts["announced_digest"]:
        raise Refused(
            f"the announcement of run {known.id} has changed since it was signed",
            hint="restore announced.json in the run's folder from a copy, then `shredder resume`",
        )


def _looked_at_stands(work: Work, known: Run) -> bool:
    """Whether the files of the second sweep and of the results are those that were written."""
    files = again_file(work, known.id), results_file(work, known.id), settled_file(work, known.id)
    names = "again_digest", "results_digest", "settled_digest"
    return all(_digest(file) == known.facts[name] for file, name in zip(files, names, strict=True))


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except FileNotFoundError:
        return ""


def _now(known: Run) -> str:
    """The present moment, not before any that the run has come to. Raises Inconclusive."""
    return clock.now(after=max(known.facts.get(each, "") for each in _TIMES))
