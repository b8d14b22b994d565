"""Mutants of everything that the page takes, each from its number alone."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attestations import Envelope, Sealed, seal
from attestations.acceptance import to_file
from attestations.text import sha256
from tests.attestations import annexes, made, opened, runs, validating
from tests.attestations.made import at
from tests.attestations.mutate import Breeder, edit, spoilt, written
from tests.browser.given import FORGE, HYBRID, KINDS, TIMED, Case

ALL = {**KINDS, HYBRID.name: HYBRID}
SIZE = 7  # holdings of the run that is disclosed


def _chain() -> list[bytes]:
    """Runs that stand well and badly beside each other."""
    first = runs.FIRST.result.digest
    waits = runs.pending("waits", previous=first)
    instead = {"previous": waits.result.digest, "supersedes": waits.result.digest}
    found = [runs.FIRST, runs.SECOND, runs.THIRD, waits, runs.run("done", **instead)]
    found += [runs.run("fork", previous=first), runs.run("first", previous=first)]
    return [each.to_bytes() for each in found]


def _validation() -> Sealed:
    sealed = validating.issued()
    return sealed.with_timestamps([FORGE.plain(sealed.envelope, at(41))])


class Mutants:
    """Makes cases; the same number and seed are always the same mutant, but for its signatures."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._breeder = Breeder(ALL, seed)
        self._chain = _chain()
        self._opened = opened.case(size=SIZE)
        scopes = (opened.scope_opened("share", "root"),)
        self._disclosure = self._opened.disclosure(3, scopes=scopes).to_bytes()
        self._validation = _validation()
        self._ways: list[tuple[int, Callable[[random.Random, int], Case]]] = [
            (50, self._of_a_bundle),
            (20, self._of_a_policy),
            (8, self._of_a_disclosure),
            (4, self._of_committed_records),
            (2, self._of_an_annex),
            (10, self._of_a_validation),
            (8, self._of_others),
        ]

    def make(self, number: int) -> Case:
        chance = random.Random(f"{self._seed}:browser:{number}")
        weights, ways = zip(*self._ways, strict=True)
        (way,) = chance.choices(ways, weights)
        case: Case = way(chance, number)
        return replace(case, name=f"seed {self._seed}, mutant {number}, {case.name}")

    def _of_a_bundle(self, chance: random.Random, number: int) -> Case:
        mutant = self._breeder.make(number)
        return Case("bundle", mutant.data, ALL[mutant.kind].policy.to_bytes())

    def _of_a_policy(self, chance: random.Random, number: int) -> Case:
        kind, donor = (ALL[chance.choice(list(ALL))] for _ in range(2))
        data = _edited(chance, kind.policy.to_bytes(), donor.policy.to_bytes())
        return Case("policy", kind.bundle.to_bytes(), data)

    def _of_a_disclosure(self, chance: random.Random, number: int) -> Case:
        data = _edited(chance, self._disclosure, self._opened.disclosure(2).to_bytes())
        return self._disclosed(chance, self._opened, data)

    def _of_committed_records(self, chance: random.Random, number: int) -> Case:
        """A lying operator's: the trees are over records that are not as the statement has it."""
        before = [opened.found(n) for n in range(SIZE)]
        after = [opened.came(n) for n in range(SIZE)]
        for _ in range(chance.choice([1, 2])):
            edit(chance, chance.choice([before, after]), [opened.found(0), opened.came(1)])
        lines = [_record(chance, each) for each in before[:SIZE]]
        last = [_record(chance, each) for each in after[:SIZE]]
        if len(lines) != len(last):
            return self._of_a_disclosure(chance, number)
        of = opened.over(lines, last)
        return self._disclosed(chance, of, of.disclosure(chance.choice([2, 9])).to_bytes())

    def _disclosed(self, chance: random.Random, of: opened.Case, data: bytes) -> Case:
        seed = chance.choice([None, opened.SEED, opened.SEED, "another"])
        sample = chance.choice([None, 2, 3, 4])
        policy = made.policy().to_bytes()
        bundle = of.bundle.to_bytes()
        return Case("disclosure", bundle, policy, disclosure=data, seed=seed, sample=sample)

    def _of_an_annex(self, chance: random.Random, number: int) -> Case:
        """As the statements commit to it, or not."""
        data = _edited(chance, annexes.ANNEX, annexes.OTHER)
        digest = sha256(data if chance.random() < 0.8 else annexes.ANNEX)
        bundle = made.bundle(plan_of=made.plan(annex=digest), changes={"annex": digest})
        return Case("annex", bundle.to_bytes(), made.policy().to_bytes(), annex=data)

    def _of_a_validation(self, chance: random.Random, number: int) -> Case:
        sealed, which = self._validation, chance.randrange(4)
        if which == 0:
            data = _edited(chance, to_file(sealed), validating.OF.to_bytes())
        elif which == 1:
            envelope = _edited(chance, sealed.envelope, validating.OF.result.envelope)
            data = to_file(replace(sealed, envelope=envelope))
        elif which == 2:
            token = spoilt(chance, sealed.timestamps[0], b"")
            data = to_file(replace(sealed, timestamps=(token,)))
        else:
            payload = Envelope.from_bytes(sealed.envelope).payload
            other = Envelope.from_bytes(validating.OF.result.envelope).payload
            signer = chance.choice([validating.OFFICER] * 5 + [validating.STRANGER])
            data = to_file(Sealed(seal(_edited(chance, payload, other), [signer]).raw))
        policy = replace(validating.policy(), timestamps=TIMED.timestamps).to_bytes()
        return Case("validation", validating.OF.to_bytes(), policy, validation=data)

    def _of_others(self, chance: random.Random, number: int) -> Case:
        bundle, *others = chance.sample(self._chain, chance.choice([2, 2, 3, 4]))
        if chance.random() < 0.4:
            others[-1] = _edited(chance, others[-1], chance.choice(self._chain))
        return Case("others", bundle, runs.BOTH.to_bytes(), others=tuple(others))


def _edited(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Bytes spoilt, or the structure edited."""
    if chance.random() < 0.4:
        return spoilt(chance, data, donor)
    value = json.loads(data)
    for _ in range(chance.choice([1, 1, 2])):
        edit(chance, value, json.loads(donor))
    return written(chance, value)


def _record(chance: random.Random, value: Any) -> bytes:
    data = json.dumps(value).encode("utf-8", "surrogatepass")
    return spoilt(chance, data, b"{}") or b" " if chance.random() < 0.05 else data


def tokens(case: Case) -> set[bytes]:
    """Every timestamp that stands in a case's files, as far as they can be read."""
    found: set[bytes] = set()
    for data in (case.bundle, case.validation or b"", *case.others):
        try:
            value = json.loads(data)
            for part in {"plan", "result", "validation"} & set(value):
                for kind in {"timestamps", "renewals"} & set(value[part]):
                    found.update(base64.b64decode(each) for each in value[part][kind])
        except (ValueError, TypeError, RecursionError):
            continue
    return found


def good_tokens(mutants: Mutants) -> set[bytes]:
    """Those that an authority made."""
    bundles = [Case("", kind.bundle.to_bytes(), b"") for kind in ALL.values()]
    validation = Case("", b"", b"", validation=to_file(mutants._validation))
    return {token for case in (*bundles, validation) for token in tokens(case)}
