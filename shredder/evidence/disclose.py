"""Showing an auditor single holdings of a run, from its private files.

Two passes over each file at the most, one line in memory at a time: what is kept are the lines
that are shown, and their paths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attestations import (
    Bundle,
    Committer,
    Disclosure,
    DisclosureRequest,
    HoldingOpened,
    Leaf,
    Opening,
    ScopeOpened,
    Tree,
    check_disclosure,
    root_and_paths,
    sample_indices,
)
from attestations.commitment import joined_parts
from attestations.disclosure import MAX_HOLDINGS, MEDIA_TYPE
from attestations.text import encode_base64
from shredder.errors import Refused, UsageError
from shredder.evidence.parts import told_apart
from shredder.evidence.trees import INVENTORY, RESULTS, kept_committer
from shredder.journal import Run
from shredder.plan import read_header
from shredder.plan.by_key import inventory_lines
from shredder.plan.codec import parse_item
from shredder.run.again import again_file
from shredder.run.ended import every_result_line
from shredder.run.work import Work
from shredder.sealed import read_plan, read_result


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown. `ids` are those of the plan's lines."""

    seed: str | None = None
    sample: int = 0
    ids: Sequence[str] = ()
    scopes: bool = False


def disclose(work: Work, path: Path, wanted: Wanted) -> tuple[bytes, int]:
    """The disclosure file's bytes, checked as the auditor will, and how many holdings it shows.

    Raises Refused if the bundle is not the one that the journal knows, or the run's private
    files are gone or changed; UsageError for an id that is none of the run's.
    """
    bundle = Bundle.load(path)
    plan, result = read_plan(bundle.plan), read_result(bundle.result)
    run = work.journal.run(result.attestation_id)
    _check_ours(run, bundle)
    made_by = kept_committer(work.state.run(run.id))
    indices = set(_indices_of(work, run, wanted.ids))
    if wanted.seed is not None:
        drawn = sample_indices(wanted.seed, plan.inventory, result.results, wanted.sample)
        indices.update(drawn)
    if len(indices) > MAX_HOLDINGS:
        raise UsageError(f"a disclosure shows {MAX_HOLDINGS} holdings at the most")
    plan_lines = inventory_lines(work.plan_file(run.id))
    found = _leaves(made_by, INVENTORY, plan_lines, indices, plan.inventory)
    came = _leaves(made_by, RESULTS, every_result_line(work, run.id), indices, result.results)
    made = Disclosure(
        media_type=MEDIA_TYPE,
        result=bundle.result.digest,
        seed=wanted.seed,
        sample=wanted.sample if wanted.seed is not None else 0,
        holdings=tuple(HoldingOpened(n, found[n], came[n]) for n in sorted(indices)),
        scopes=_scopes(work, run, made_by) if wanted.scopes else (),
    ).to_bytes()
    check_disclosure(made, plan, result, bundle.result.digest, DisclosureRequest(wanted.seed))
    return made, len(indices)


def _check_ours(run: Run, bundle: Bundle) -> None:
    if run.forgotten:
        raise Refused(
            f"the private manifest of run {run.id} was destroyed: nothing of it can be shown",
            hint="its attestation stands, and still verifies",
        )
    if run.facts.get("bundle_digest") != bundle.result.digest:
        raise Refused(
            f"this is not the attestation that the journal has of run {run.id}",
            hint="see `shredder status`; a run that was broken off goes on with `shredder resume`",
        )


def _indices_of(work: Work, run: Run, ids: Sequence[str]) -> Iterator[int]:
    missing = set(ids)
    if missing:
        for index, line in enumerate(inventory_lines(work.plan_file(run.id))):
            item = parse_item(line)
            if item.id in missing:
                missing.remove(item.id)
                yield index
    if missing:
        raise UsageError(
            f"run {run.id} has no holding {min(missing)}", hint="ids stand in the run's plan"
        )


def _leaves(
    made_by: Committer, name: str, lines: Iterator[bytes], indices: Collection[int], tree: Tree
) -> dict[int, Leaf]:
    records: dict[int, bytes] = {}

    def hashed() -> Iterator[bytes]:
        for index, line in enumerate(lines):
            record = line.rstrip(b"\n")
            if index in indices:
                records[index] = record
            yield made_by.leaf(name, index, record)

    try:
        root, size, paths = root_and_paths(hashed(), indices)
    except (ValueError, FileNotFoundError):
        root, size, paths = None, -1, {}
    if size != tree.size or (root is not None and f"sha256:{root.hex()}" != tree.root):
        raise Refused(
            f"the run's private files are not those that were attested ({name})",
            hint="restore plan.jsonl, results.jsonl and secret in the run's folder from a copy",
        )
    return {
        index: Leaf.of(Opening(index, records[index], made_by.salt(name, index), paths[index]))
        for index in indices
    }


def _scopes(work: Work, run: Run, made_by: Committer) -> tuple[ScopeOpened, ...]:
    shown: dict[str, ScopeOpened] = {}
    for path in (work.plan_file(run.id), again_file(work, run.id)):
        for entry in told_apart(read_header(path).coverage):
            parts = entry.store, entry.scope
            commitment, joined = made_by.name("scope", *parts), joined_parts(parts)
            shown[commitment] = ScopeOpened(
                commitment=commitment,
                salt=encode_base64(made_by.name_salt("scope", joined)),
                parts=encode_base64(joined),
            )
    return tuple(shown.values())
