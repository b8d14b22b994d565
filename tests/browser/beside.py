"""What stands beside the bundle, good and spoilt: other bundles, disclosures, validations, hybrids."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

from attestations import Annex, Bundle, Envelope, Expectations, Policy, RoleThreshold, Sealed, seal
from attestations.acceptance import to_file
from attestations.text import sha256
from attestations.validation import Acceptance
from tests.attestations import annexes, made, opened, runs, validating
from tests.attestations.made import OPERATOR, WITNESS, at
from tests.browser.given import FORGE, HYBRID, LATTICE, LATTICE_KEY, TIMED, Case, given


def beside() -> Iterator[Case]:
    """All of them."""
    yield from _hybrids()
    yield from _chains()
    yield from _disclosures()
    yield from _annexes()
    yield from _validations()


# --- 6: hybrids ---


def _hybrids() -> Iterator[Case]:
    by = HYBRID.policy
    yield given("hybrid: good", HYBRID.bundle, by)
    yield given("hybrid: ML-DSA alone", made.bundle(signers=(LATTICE,)), made.policy(LATTICE))
    other = made.ed25519_signer(7)
    three = replace(by, keys=made.policy(OPERATOR, LATTICE, other).keys)
    for name, signers in {
        "no ML-DSA": (OPERATOR,),
        "no Ed25519": (LATTICE,),
        "two of Ed25519": (OPERATOR, other),
        "one twice": (LATTICE, LATTICE),
        "all three": (OPERATOR, LATTICE, other),
    }.items():
        yield given(f"hybrid: {name}", made.bundle(signers=signers, stamp=FORGE.plain), three)
    for place in (0, 48, 1000, 3300, 3308):
        yield given(f"hybrid: bit flipped at {place}", _signature(_flipped(place)), by)
    for name, spoil in {
        "a byte less": lambda sig: sig[:-1],
        "a byte more": lambda sig: sig + b"\0",
        "zeros": lambda sig: bytes(len(sig)),
        "of a context": lambda _: LATTICE_KEY.sign(_message(), b"context"),
        "of another message": lambda _: LATTICE.sign(b"message"),
    }.items():
        yield given(f"hybrid: {name}", _signature(spoil), by)
    for name, change in {
        "any and one": (RoleThreshold("operator", 1), by.thresholds[1]),
        "one twice": (by.thresholds[1], by.thresholds[1]),
        "more than there are": (replace(by.thresholds[1], count=2),),
    }.items():
        value = replace(by, thresholds=change)
        yield given(f"hybrid: thresholds, {name}", HYBRID.bundle, value)


def _message() -> bytes:
    return Envelope.from_bytes(HYBRID.bundle.result.envelope).signed_bytes


def _flipped(place: int) -> Callable[[bytes], bytes]:
    def spoil(sig: bytes) -> bytes:
        raw = bytearray(sig)
        raw[place] ^= 1
        return bytes(raw)

    return spoil


def _signature(spoil: Callable[[bytes], bytes]) -> Bundle:
    """The ML-DSA signature of the result spoilt, and no timestamp that would miss it."""
    value = json.loads(HYBRID.bundle.result.envelope)
    entry = value["signatures"][1]
    entry["sig"] = base64.b64encode(spoil(base64.b64decode(entry["sig"]))).decode()
    return replace(HYBRID.bundle, result=Sealed(json.dumps(value).encode()))


# --- 15: other bundles ---


def _chains() -> Iterator[Case]:
    first, second, third = runs.FIRST, runs.SECOND, runs.THIRD
    digest = first.result.digest

    def chain(name: str, bundle: Bundle, *others: Bundle | bytes, by: Policy = runs.BOTH) -> Case:
        data = tuple(each if isinstance(each, bytes) else each.to_bytes() for each in others)
        return given(f"chain: {name}", bundle, by, others=data)

    for n, (bundle, *others) in enumerate(permutations([first, second, third])):
        yield chain(f"three in the order {n}", bundle, *others)
    yield chain("a gap", third, first)
    yield chain("the same twice", first, first, first)
    yield chain("the same without timestamps", first, replace(first, plan=first.plan))
    fork = runs.run("other", previous=digest)
    yield chain("a fork", second, fork)
    yield chain("a fork among others", first, second, fork)
    theirs = runs.run("theirs", previous=digest, signers=(WITNESS,))
    yield chain("a fork by another key", second, theirs)
    yield chain("two beginnings", first, runs.run("anew"))
    yield chain("two beginnings by two keys", first, runs.run("anew", signers=(WITNESS,)))
    both = (OPERATOR, WITNESS)
    yield chain("a beginning by one more key", first, runs.run("anew", signers=both))
    request = replace(made.plan().request, challenge="nonce-2")
    again = runs.run("first", plan_changes={"request": request}, previous=digest)
    yield chain("a replay", again, first)
    yield chain("a replay of it", first, again)
    expects = made.policy(*both, expect=Expectations(challenge="nonce-2"))
    yield chain("a replay for a new challenge", again, first, by=expects)
    yield chain("an old one for a new challenge", first, second, by=expects)
    tree = made.tree("inventory", 3)
    twins = [
        runs.run(name, plan_changes={"inventory": tree}, previous=before)
        for name, before in (("one", digest), ("two", second.result.digest))
    ]
    yield chain("one inventory", *twins)
    results = made.tree("results", 3)
    twins = [
        runs.run(name, results=results, previous=before)
        for name, before in (("one", digest), ("two", second.result.digest))
    ]
    yield chain("one tree of results", *twins)
    waits = runs.pending("waits")
    instead = {"previous": waits.result.digest, "supersedes": waits.result.digest}
    done = runs.run("done", **instead)
    yield chain("replaced", waits, done)
    yield chain("what replaces", done, waits)
    for name, target in {
        "as much": made.target(),
        "less": made.target(holdings=2),
        "more": made.target(holdings=4),
        "of another kind": made.target(kind="other"),
        "by another technique": made.target(technique="delete"),
        "not whole": made.target(whole=False),
    }.items():
        settles = runs.run("settles", settled=(target,), **instead)
        yield chain(f"it settles {name}", settles, waits)
    yield chain(
        "it replaces what was not pending", runs.run("x", previous=digest, supersedes=digest), first
    )
    dataset = replace(made.plan().dataset, label="another")
    elsewhere = runs.run("else", plan_changes={"dataset": dataset}, dataset=dataset, **instead)
    yield chain("it replaces what is about something else", elsewhere, waits)
    about = runs.run("about", plan_changes={"dataset": dataset}, dataset=dataset)
    mine = runs.run("mine", previous=about.result.digest)
    asks = made.policy(*both, expect=Expectations(dataset="survey-2018-05"), stores=("share",))
    yield chain("another dataset", mine, about, by=asks)
    stranger = runs.run("stranger", signers=(WITNESS,))
    yield chain("one by a stranger", first, stranger, by=made.policy(OPERATOR))
    yield chain("one that is none", first, b"{}")
    yield chain("one that is not read", first, b"")
    yield chain(
        "one with a spoilt timestamp",
        first,
        replace(second, result=replace(second.result, timestamps=(b"x",))),
    )
    yield chain("256 others", first, *[second] * 256)
    yield chain("257 others", first, *[b""] * 257)
    yield given("chain: a refused bundle comes first", b"{}", runs.BOTH, others=(b"",))


# --- 16: disclosures ---


def _disclosures() -> Iterator[Case]:
    good = opened.case()

    def shows(name: str, of: opened.Case, disclosure: Any, **asked: Any) -> Case:
        data = disclosure if isinstance(disclosure, bytes) else disclosure.to_bytes()
        asked = {"seed": opened.SEED, **asked}
        return given(f"disclosure: {name}", of.bundle, disclosure=data, **asked)

    yield shows("good", good, good.disclosure(3), sample=3)
    yield shows("more than was asked for", good, good.disclosure(3), sample=2)
    yield shows("no seed compared", good, good.disclosure(), seed=None)
    yield shows("no seed compared, but a number", good, good.disclosure(), seed=None, sample=3)
    yield shows("all", good, good.disclosure(7, holdings=tuple(map(good.opened, range(7)))))
    yield shows("none", good, good.disclosure(0, seed=None, holdings=()), seed=None)
    for size, count in ((1, 1), (2, 1), (33, 8), (64, 20)):
        many = opened.case(size=size)
        yield shows(f"{count} of {size}", many, many.disclosure(count))
    for name, spoil in opened.HOSTILE.items():
        yield shows(name, good, spoil(good), sample=2)
    for n, (before, after) in enumerate(opened.BELYING):
        bad = opened.case(
            [opened.found(n, **before) for n in range(7)],
            [opened.came(n, **after) for n in range(7)],
        )
        yield shows(f"records that belie {n}", bad, bad.disclosure())
    for n, record in enumerate(opened.NO_OBJECTS):
        records = [record or b" "] * 3
        trees = opened.tree("inventory", records), opened.tree("results", records)
        bundle = made.bundle(plan_of=made.plan(inventory=trees[0]), changes={"results": trees[1]})
        bad = opened.Case(records, records, bundle, trees)
        yield shows(f"a record that is no object {n}", bad, bad.disclosure())
    for n, data in enumerate(opened.NO_DISCLOSURES):
        yield shows(f"no disclosure {n}", good, data)
    for change in opened.UNKNOWN_FORMS:
        value = json.loads(good.disclosure().to_bytes()) | change
        yield shows(f"{change}", good, json.dumps(value).encode())
    value = json.loads(good.disclosure().to_bytes())
    value["holdings"].append(value["holdings"][0])
    yield shows("one holding twice", good, json.dumps(value).encode())
    yield from _names(good, shows)
    yield given("disclosure: a refused bundle comes first", b"{}", disclosure=b"")


def _names(good: opened.Case, shows: Callable[..., Case]) -> Iterator[Case]:
    odd = opened.found(0)
    odd["holding"]["locator"] = "caf\udce9 \U0001f600"
    named = opened.case([odd, *(opened.found(n) for n in range(1, 7))])
    yield shows("a name that is not Unicode", named, named.disclosure(7))
    true, other = (opened.scope_opened("share", name) for name in ("root", "elsewhere"))
    yield shows("a scope", good, good.disclosure(scopes=(true,)))
    yield shows("a scope twice", good, _doubled(good.disclosure(scopes=(true,)).to_bytes()))
    for name, spoilt in {
        "of no sweep": other,
        "of other parts": replace(true, parts=other.parts),
        "of another salt": replace(true, salt=other.salt),
        "cut short": replace(true, parts=true.parts[:-4]),
    }.items():
        yield shows(f"a scope {name}", good, good.disclosure(scopes=(spoilt,)))
    salt, parts = base64.b64decode(true.salt), base64.b64decode(true.parts)
    moved = replace(
        true,
        salt=base64.b64encode(salt[:31]).decode(),
        parts=base64.b64encode(salt[31:] + parts).decode(),
    )
    yield shows("a scope whose border is moved", good, good.disclosure(scopes=(moved,)))
    for name in (
        "caf\udce9",
        "\udce2\udc82A",
        "\ufeffx",
        "\udcf0\udc9f\udc92",
        "\udced\udca0\udc80",
        "",
    ):
        scope = opened.scope_opened("share", name)
        swept = replace(made.plan().sweep, coverage=(made.scope(name=name),))
        trees = opened.case()
        plan = made.plan(
            inventory=trees.trees[0], targets=(made.planned(holdings=7),),
            sweep=replace(swept, found=replace(swept.found, copy=7)),
        )  # fmt: skip
        bundle = made.bundle(
            plan_of=plan,
            changes={"results": trees.trees[1], "targets": (made.target(holdings=7),)},
        )
        of = replace(trees, bundle=bundle)
        yield shows(f"a scope named {name!a}", of, of.disclosure(scopes=(scope,)))


def _doubled(disclosure: bytes) -> bytes:
    value = json.loads(disclosure)
    value["scopes"] *= 2
    return json.dumps(value).encode()


# --- 16: annexes ---


def _annexes() -> Iterator[Case]:
    def names(name: str, data: bytes, committed: bytes | None = None, **changes: Any) -> Case:
        both = sha256(data if committed is None else committed)
        bundle = made.bundle(plan_of=made.plan(annex=both), changes={"annex": both, **changes})
        return given(f"annex: {name}", bundle, annex=data)

    good = annexes.ANNEX
    yield names("good", good)
    yield names("of another salt", annexes.OTHER, good)
    yield names("a byte more", good + b"\n", good)
    yield names("a byte less", good[:-1], good)
    yield given("annex: nothing was committed to", made.bundle(), annex=good)
    digest = sha256(good)
    yield given("annex: of the plan's", made.bundle(plan_of=made.plan(annex=digest)), annex=good)
    yield given("annex: of the result's", made.bundle(changes={"annex": digest}), annex=good)
    yield names("somebody else's", Annex.new(annexes.RUN, {"staff-9": "\u202eMary\n"}).to_bytes())
    for n, value in enumerate(annexes.NO_ANNEXES):
        yield names(f"none {n}", json.dumps(value).encode())
    for n, data in enumerate(annexes.NO_JSON):
        yield names(f"no JSON {n}", data)
    long = good.rstrip() + b" " * 2**16
    yield names("too long", long)
    yield given("annex: a refused bundle comes first", b"{}", annex=good)


# --- validations ---


def _validations() -> Iterator[Case]:
    policy, issued = validating.policy(), validating.issued
    of = validating.OF

    def word(name: str, data: bytes | Sealed, bundle: Bundle = of, by: Policy = policy) -> Case:
        file = data if isinstance(data, bytes) else to_file(data)
        return given(f"validation: {name}", bundle, by, validation=file)

    for decision in Acceptance:
        yield word(f"{decision}", issued(decision=decision))
    own = validating.policy(operator_run=True)
    yield word("by the operator's own key", issued(), by=own)
    stamped = issued(when=at(40))
    stamped = stamped.with_timestamps([FORGE.plain(stamped.envelope, at(41))])
    timed = replace(policy, timestamps=TIMED.timestamps)
    yield word("with a timestamp", stamped, by=timed)
    yield word("without one", issued(), by=timed)
    required = replace(timed, timestamps=replace(TIMED.timestamps, required=True))
    in_time = made.bundle(stamp=FORGE.plain)
    yield word("without one that is required", issued(in_time), in_time, required)
    wrong = issued().with_timestamps([FORGE.plain(b"else", at(41))])
    yield word("with a timestamp of something else", wrong, by=timed)
    late = issued(when=at(50))
    late = late.with_timestamps([FORGE.plain(late.envelope, at(41))])
    yield word("issued after its timestamp", late, by=timed)
    yield word("by the operator", issued(signer=OPERATOR))
    both = made.bundle(signers=[OPERATOR, validating.OFFICER])
    yield word("by a key that signed the result", issued(both), both)
    yield word("by a stranger", issued(signer=validating.STRANGER))
    yield word("by a key that the policy does not name", issued(), by=made.policy(OPERATOR))
    yield word("of another result", issued(), made.bundle(changes={"limitations": ("other",)}))
    yield word("of another run", issued(attestation_id="another"))
    for minutes in (20, 28, 29, 60, 61, 62, 90):
        yield word(f"issued at {minutes}", issued(when=at(minutes)))
    spoilt: dict[str, dict[str, Any]] = {
        "no longer valid": {"valid_until": at(59)},
        "lost since": {"compromised_at": at(90)},
        "another role": {"role": "witness"},
    }
    for name, changes in spoilt.items():
        yield word(f"a key {name}", issued(), by=validating.policy(**changes))
    yield word("the result", of.result)
    yield word("a plan", made.sealed(made.plan(), [validating.OFFICER]))
    for changes, _ in validating.EDITS:
        yield word(f"edited: {changes}", validating.edited(**changes))
    address: dict[str, Any] = {
        "validator": {"role": "officer", "reference": "x"},
        "decision": "a@b.example",
    }
    yield word("an address", validating.edited(**address))
    good = json.loads(to_file(issued()))
    for name, edit in validating.FORMS.items():
        value = json.loads(json.dumps(good))
        edit(value)
        yield word(name, json.dumps(value).encode())
    for name, data in {"empty": b"", "a bundle": of.to_bytes(), "a list": b"[]"}.items():
        yield word(name, data)
    payload = seal(b"{}", [validating.OFFICER]).raw
    yield word("an empty statement", Sealed(payload))
    refused = Bundle(plan=of.result, result=of.result)
    yield word("of a refused bundle", issued(), refused)
