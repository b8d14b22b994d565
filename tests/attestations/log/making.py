"""Keys, logs and bundles with log proofs for the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from attestations import Bundle, LogRules, Policy, TrustedLog, TrustedWitness
from attestations.log import Checkpoint, Kind, LogProof, Note, NoteSigner
from tests.attestations import made
from tests.attestations.log import naive
from tests.attestations.made import NOW, ed25519_signer

ORIGIN = "example.org/log"
LOG = NoteSigner(ORIGIN, Kind.LOG, ed25519_signer(50))
W1 = NoteSigner("witness.example/1", Kind.WITNESS, ed25519_signer(51))
W2 = NoteSigner("witness.example/2", Kind.WITNESS, ed25519_signer(52))
SECONDS = int(NOW.timestamp()) - 60


def entry(number: int) -> bytes:
    return hashlib.sha256(b"envelope %d" % number).digest()


def entries(count: int) -> list[bytes]:
    return [entry(n) for n in range(count)]


def head_note(
    text: bytes, witnesses: Sequence[NoteSigner] = (), log: NoteSigner = LOG, at: int = SECONDS
) -> Note:
    lines = [log.sign(text), *(each.sign(text, at=at) for each in witnesses)]
    return Note(text, tuple(lines))


def logged(
    bundle: Bundle,
    *,
    before: int = 3,
    after: int = 2,
    witnesses: Sequence[NoteSigner] = (W1, W2),
    log: NoteSigner = LOG,
    at: int = SECONDS,
) -> Bundle:
    """A bundle with proofs, made by the naive tree."""
    own = [hashlib.sha256(each.envelope).digest() for each in (bundle.plan, bundle.result)]
    leaves = [naive.leaf(e) for e in [*entries(before), *own, *map(entry, range(90, 90 + after))]]
    text = Checkpoint(log.key.name, len(leaves), naive.root(leaves)).to_text()
    head = head_note(text, witnesses, log, at)
    plan, result = (
        LogProof(n, tuple(naive.path(n, leaves)), head).to_text() for n in (before, before + 1)
    )
    return Bundle(bundle.plan.with_log(plan), bundle.result.with_log(result))


def rules(
    quorum: int = 2, *, witnesses: Sequence[NoteSigner] = (W1, W2), log: NoteSigner = LOG
) -> LogRules:
    return LogRules(
        quorum=quorum,
        logs=(TrustedLog(log.key.name, (str(log.key),)),),
        witnesses=tuple(TrustedWitness(w.key.name, str(w.key)) for w in witnesses),
    )


def policy(quorum: int = 2) -> Policy:
    return made.policy(log=rules(quorum))


def with_proof(bundle: Bundle, which: str, proof: str) -> bytes:
    return replace(bundle, **{which: getattr(bundle, which).with_log(proof)}).to_bytes()


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
