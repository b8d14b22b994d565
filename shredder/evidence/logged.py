"""The operator's own transparency log: both envelopes of a run, in order, and the proofs of it.

The plan's envelope is in the log before anything is touched. The log is told about what it
said before: every head that was used stands in the journal, too, so that a log that was put
back to an older state is not written to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attestations import AttestationError, Bundle, PolicyRefused, Sealed
from attestations.errors import LogRefused
from attestations.log import (
    Checkpoint,
    Fault,
    Kind,
    LogProof,
    LogStore,
    NoteSigner,
    VerifierKey,
    best,
    check_extends,
    inspect,
    prove,
    signed_heads,
)
from shredder.config import LogConfig
from shredder.errors import Refused, UsageError
from shredder.keys import log_signer
from shredder.own import verify_own
from shredder.run.work import Work


def log_folder(work: Work) -> Path:
    """Where the log is. Raises UsageError if none is configured."""
    return _configured(work).folder or work.state.log


def open_log(work: Work) -> LogStore:
    """The log, made if there is none yet. Raises UsageError, LogRefused, Unreadable."""
    signer = NoteSigner(_configured(work).origin, Kind.LOG, log_signer(work.state))
    store = LogStore(log_folder(work), signer)
    if not any(_remembered_by_journal(work)):
        store.create()
    return store


def log_announcement(work: Work, sealed: Sealed) -> tuple[Sealed, dict[str, Any]]:
    """Log a sealed plan; returns it with its proof, and facts for the journal.

    Raises Refused: what is not logged is not begun. Without a log, nothing is done.
    """
    if work.config.log is None:
        return sealed, {}
    try:
        (logged,), facts = _log(work, [sealed])
    except AttestationError as error:
        raise Refused(
            f"the plan could not be logged, so nothing was touched: {error.message}",
            hint=error.hint or "see `shredder log check`",
        ) from error
    return logged, facts


def log_bundle(work: Work, path: Path, bundle: Bundle) -> dict[str, Any]:
    """Log what of a bundle is not in the log yet, and write its proofs into it; returns facts.

    Raises what reading and writing the log raises; the bundle stands as it was then.
    """
    (plan, result), facts = _log(work, [bundle.plan, bundle.result])
    proved = Bundle(plan=plan, result=result)
    if proved != bundle:
        proved.write(path)
    return facts


def prove_bundle(work: Work, path: Path) -> Sequence[LogProof]:
    """Renew the proofs of a bundle of our own, under the head that most witnesses signed.

    Raises InvalidAttestation for a bundle that is not ours, and what `log_bundle` raises.
    """
    verify_own(work, path)
    log_bundle(work, path, Bundle.load(path))
    bundle = Bundle.load(path)
    return [LogProof.from_text(each.log or "") for each in (bundle.plan, bundle.result)]


def inspect_log(work: Work) -> tuple[Checkpoint | None, tuple[Fault, ...]]:
    """Look the log through, against every head that journal, bundles and witnesses remember."""
    store = open_log(work)
    store.settle()
    remembered = [*_remembered_by_journal(work), *_remembered_by_bundles(work, store.key)]
    remembered += signed_heads(store.folder, store.key)
    return inspect(store.folder, [store.key], remembered)


def _configured(work: Work) -> LogConfig:
    if work.config.log is None:
        raise UsageError("no log is configured", hint="add [log] with an origin to the file")
    return work.config.log


def _log(work: Work, envelopes: Sequence[Sealed]) -> tuple[list[Sealed], dict[str, Any]]:
    store = open_log(work)
    store.settle()
    _refuse_put_back(work, store)
    entries = [hashlib.sha256(each.envelope).digest() for each in envelopes]
    places = store.append(entries)
    newest = store.head()
    note, _ = best(store.folder, store.key, _witnesses(work), newest, max(places) + 1)
    proved = [
        sealed.with_log(prove(store.folder, entry, place, note).to_text())
        for sealed, entry, place in zip(envelopes, entries, places, strict=True)
    ]
    return proved, {"log_size": newest[1].size, "log_root": newest[1].root.hex()}


def _witnesses(work: Work) -> list[VerifierKey]:
    keys = []
    for text in _configured(work).witnesses:
        try:
            key = VerifierKey.parse(text)
        except PolicyRefused as error:
            raise UsageError(f"log.witnesses: {error.message}") from error
        if key.kind is not Kind.WITNESS:
            raise UsageError("log.witnesses: a verifier key that is not a witness's")
        keys.append(key)
    return keys


def _refuse_put_back(work: Work, store: LogStore) -> None:
    """Refuse a log that is not the continuation of every head in the journal."""
    newest = max(_remembered_by_journal(work), key=lambda head: head.size, default=None)
    if newest is None:
        return
    try:
        check_extends(store.folder, newest, store.head()[1])
    except LogRefused as refused:
        hint = "restore the log from its newest copy; see `shredder log check`"
        raise LogRefused(refused.verdict, refused.message, hint=hint) from None


def _remembered_by_journal(work: Work) -> Iterator[Checkpoint]:
    for run in work.journal.runs():
        if "log_size" in run.facts:
            origin = _configured(work).origin
            yield Checkpoint(origin, run.facts["log_size"], bytes.fromhex(run.facts["log_root"]))


def _remembered_by_bundles(work: Work, key: VerifierKey) -> Iterator[Checkpoint]:
    for path in sorted(work.state.attestations.glob("*.json")):
        yield from heads_of(path, key)


def heads_of(path: Path, key: VerifierKey) -> Iterator[Checkpoint]:
    """The heads that a bundle's proofs lead to, if the log signed them."""
    bundle = Bundle.load(path)
    for sealed in (bundle.plan, bundle.result):
        if sealed.log is None:
            continue
        note = LogProof.from_text(sealed.log).head
        head = Checkpoint.from_text(note.text)
        if head.origin == key.name and note.verify([key]):
            yield head
