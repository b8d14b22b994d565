"""Makes mutants of bundles, each from its number alone: bytes, structure and meaning.

Most die early, as most hostile input does; some are signed again, so that what lies behind the
signatures is reached as well.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from attestations import Bundle, Envelope, Sealed, seal
from tests.attestations.kinds import Kind

ODD_STRINGS = [
    "", "x", "complete", "pending", "clear", "purge", "sha256:" + "0" * 64, "a@b.example", "\x1b[31m", "\ud800",
    "2026-10-01T11:30:00Z", "2026-10-01T11:30:00+05:30", "2026-W40-4", "0000-00-00T00:00:00Z", "e\u0301", "\u202e", "\uff11", "\0", "x" * 300,
]  # fmt: skip
ODD_NUMBERS = [0, 1, -1, 2, 3, 4, 2**31, 2**53 - 1, 2**53, 2**64, 10**16, 1.0, 1e300, -0.0]
ODD_VALUES: list[Any] = [*ODD_STRINGS, *ODD_NUMBERS, None, True, False, [], {}, [[]], {"a": 1}]
SPLINTERS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e999", b"\xff", b"\xef\xbb\xbf", b"\\ud800",
    b"\\u0000", b"-", b"_", b"=", b"==", b"\n", b" ", b"9" * 40, b'"a":1,', b"\xc0\x80", b"\xf0\x9f\x92\xa9", b"0" * 17,
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """What to judge, by whose policy; `resealed` says that a trusted key signed the edits."""

    kind: str
    donor: str
    data: bytes
    resealed: bool = False


class Breeder:
    """Makes mutants of the given kinds; the same number is always the same mutant."""

    def __init__(self, kinds: dict[str, Kind], seed: str) -> None:
        self._kinds = kinds
        self._seed = seed
        self._names = list(kinds)
        self._bytes = {name: kind.bundle.to_bytes() for name, kind in kinds.items()}
        self._ways: list[tuple[int, Callable[[random.Random, Kind, Kind], bytes | Mutant]]] = [
            (46, self._of_the_file),
            (12, self._of_its_structure),
            (24, self._of_an_envelope),
            (7, self._of_a_token),
            (4, self._of_a_proof),
            (1, self._of_the_parts_of_two),
            (5, self._of_a_signed_statement),
            (1, self._swollen),
        ]

    def make(self, number: int) -> Mutant:
        chance = random.Random(f"{self._seed}:{number}")
        kind = self._kinds[chance.choice(self._names)]
        donor = self._kinds[chance.choice(self._names)]
        weights, ways = zip(*self._ways, strict=True)
        (way,) = chance.choices(ways, weights)
        made = way(chance, kind, donor)
        return made if isinstance(made, Mutant) else Mutant(kind.name, donor.name, made)

    def _of_the_file(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        return spoilt(chance, self._bytes[kind.name], self._bytes[donor.name])

    def _of_its_structure(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        value = json.loads(self._bytes[kind.name])
        edit(chance, value, json.loads(self._bytes[donor.name]))
        return written(chance, value)

    def _of_an_envelope(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        which, sealed = part(chance, kind.bundle)
        if chance.random() < 0.5:
            raw = spoilt(chance, sealed.envelope, part(chance, donor.bundle)[1].envelope)
        else:
            value = json.loads(sealed.envelope)
            edit(chance, value, json.loads(part(chance, donor.bundle)[1].envelope))
            raw = written(chance, value)
        return replace(kind.bundle, **{which: replace(sealed, envelope=raw)}).to_bytes()

    def _of_a_token(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        which, sealed = part(chance, kind.bundle)
        if not sealed.timestamps:
            return self._of_an_envelope(chance, kind, donor)
        other = part(chance, donor.bundle)[1]
        others = other.timestamps or sealed.timestamps
        if sealed.renewals and chance.random() < 0.5:
            again = sealed.renewals
            token = spoilt(chance, chance.choice(again), (other.renewals or others)[0])
            renewals = chance.choice(
                [(token,), (*again, token), (token, *again), (*again[:-1], token), again[::-1],
                 again[1:], again[:1], (), again * 2, other.renewals, others]
            )  # fmt: skip
            return replace(kind.bundle, **{which: replace(sealed, renewals=renewals)}).to_bytes()
        token = spoilt(chance, sealed.timestamps[0], others[0])
        tokens = chance.choice(
            [(token,), (*sealed.timestamps, token), sealed.timestamps * 2, others]
        )
        return replace(kind.bundle, **{which: replace(sealed, timestamps=tokens)}).to_bytes()

    def _of_a_proof(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        which, sealed = part(chance, kind.bundle)
        other = part(chance, donor.bundle)[1].log or kind.name
        proof = spoilt(chance, (sealed.log or other).encode(), other.encode())
        log = proof.decode("utf-8", "replace")
        return replace(kind.bundle, **{which: replace(sealed, log=log)}).to_bytes()

    def _of_the_parts_of_two(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        pool = [kind.bundle.plan, kind.bundle.result, donor.bundle.plan, donor.bundle.result]
        a, b, c, d = (chance.choice(pool) for _ in range(4))
        mixed = Sealed(a.envelope, b.timestamps, c.log, d.renewals)
        which = chance.choice(["plan", "result"])
        return replace(kind.bundle, **{which: mixed}).to_bytes()

    def _of_a_signed_statement(self, chance: random.Random, kind: Kind, donor: Kind) -> Mutant:
        """A lying issuer's. Judged by the policy that asks for no timestamp, to get so far."""
        kind = self._kinds["no-timestamps"]
        payloads = [
            Envelope.from_bytes(each.envelope).payload
            for each in (kind.bundle.plan, kind.bundle.result)
        ]
        at = chance.randrange(2)
        value = json.loads(payloads[at])
        for _ in range(chance.choice([1, 1, 2])):
            edit(chance, value, json.loads(payloads[1 - at]))
        payloads[at] = written(chance, value)
        if chance.random() < 0.2:
            payloads[at] = spoilt(chance, payloads[at], payloads[1 - at])
        plan = Sealed(seal(payloads[0], kind.signers).raw)
        result = Sealed(seal(_naming(payloads[1], plan.digest), kind.signers).raw)
        return Mutant(kind.name, kind.name, Bundle(plan, result).to_bytes(), resealed=True)

    def _swollen(self, chance: random.Random, kind: Kind, donor: Kind) -> bytes:
        """Much of something, in the file, in an envelope or under a good signature."""
        size = chance.choice([1000, 20_000, 200_000])
        lump = chance.choice(
            [
                b"[",
                b'{"a":',
                b"9",
                b'"",',
                b"[],",
                b"\\u0041",
                b"A",
                b" ",
                b"\\",
                b"[[],",
                b'{"":0},',
            ]
        )
        filled = lump * (size // len(lump))
        where = chance.randrange(3)
        if where == 0:
            return inserted(chance, self._bytes[kind.name], filled)
        which, sealed = part(chance, kind.bundle)
        if where == 1:
            raw = inserted(chance, sealed.envelope, filled)
        else:
            payload = Envelope.from_bytes(sealed.envelope).payload
            raw = seal(inserted(chance, payload, filled), kind.signers[:1]).raw  # Ed25519
        return replace(kind.bundle, **{which: replace(sealed, envelope=raw)}).to_bytes()


def part(chance: random.Random, bundle: Bundle) -> tuple[str, Sealed]:
    return chance.choice([("plan", bundle.plan), ("result", bundle.result)])


def _naming(payload: bytes, digest: str) -> bytes:
    """The result's payload with the new plan's digest, wherever it still has both places."""
    try:
        value = json.loads(payload)
        old = value["predicate"]["plan"].removeprefix("sha256:").encode()
        digest = digest.removeprefix("sha256:")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return payload
    return payload.replace(old, digest.encode()) if len(old) == 64 else payload


def inserted(chance: random.Random, data: bytes, what: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + what + data[place:]


def spoilt(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """One to three edits of bytes."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        place = chance.randrange(len(out) + 1)
        length = chance.choice([1, 1, 2, 4, 40, 400])
        way = chance.randrange(8)
        if way <= 1 and place < len(out):
            out[place] ^= 1 << chance.randrange(8)
        elif way == 2:
            del out[place : place + length]
        elif way == 3:
            out[place:place] = out[place : place + length]
        elif way == 4:
            del out[place:]
        elif way == 5:
            start = chance.randrange(len(donor) + 1)
            out[place : place + length] = donor[start : start + length]
        elif way == 6:
            out[place:place] = chance.choice(SPLINTERS)
        else:
            cut = min(place, len(donor))
            out[place:] = donor[cut:]
    return bytes(out)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value but the whole."""
    inside: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    found = [(*path, key) for key, _ in inside]
    for key, each in inside:
        found += places(each, (*path, key))
    return found


def edit(chance: random.Random, value: Any, donor: Any) -> None:
    """One edit of the structure: another value, a field less or more, another order."""
    found = places(value)
    if not found:
        return
    *way, last = chance.choice(found)
    holder = value
    for step in way:
        holder = holder[step]
    old, act = holder[last], chance.randrange(9)
    if act <= 1:
        holder[last] = chance.choice(ODD_VALUES)
    elif act == 2:
        del holder[last]
    elif act == 3:
        holder[last] = _nudged(chance, old)
    elif act == 4 and isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), old)
    elif act == 4:
        holder[chance.choice(["note", last + " ", last.upper(), "keyid", "log", "renewals"])] = old
    elif act == 5:
        *there, name = chance.choice(places(donor))
        for step in there:
            donor = donor[step]
        holder[last] = donor[name]
    elif act == 6 and isinstance(holder, list):
        holder.reverse()
    elif act == 6:
        items = list(holder.items())
        chance.shuffle(items)
        holder.clear()
        holder.update(items)
    elif act == 7:
        holder[last] = [old] if chance.random() < 0.5 else {"a": old}
    else:
        other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[last], holder[other] = holder[other], holder[last]


def _nudged(chance: random.Random, old: Any) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + chance.choice([-1, 1, 2**32])
    if isinstance(old, str) and len(old) > 500:
        with suppress(ValueError):  # of an earlier edit's making
            return base64.b64encode(spoilt(chance, base64.b64decode(old), b"{}")).decode()
    if isinstance(old, str) and old:
        at = chance.randrange(len(old))
        return old[:at] + chance.choice("0aZ-._: \n\u00e9") + old[at + 1 :]
    return chance.choice(ODD_VALUES)


class _Twice(dict[str, Any]):
    """An object that says one of its fields twice."""

    def __init__(self, value: dict[str, Any], key: str, other: Any) -> None:
        super().__init__(value)
        self._more = (key, other)

    def items(self) -> Any:
        return [*super().items(), self._more]


def written(chance: random.Random, value: Any) -> bytes:
    """JSON text; at times with a field said twice, or with other spaces."""
    if chance.random() < 0.15:
        objects = [value] + [_at(value, path) for path in places(value)]
        objects = [each for each in objects if isinstance(each, dict) and each]
        if objects:
            marked = chance.choice(objects)
            key = chance.choice(list(marked))
            return json.dumps(_doubled(value, marked, key, chance.choice(ODD_VALUES))).encode()
    spaces = chance.choice([None, None, None, 1])
    return json.dumps(value, indent=spaces, ensure_ascii=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _doubled(value: Any, marked: Any, key: str, other: Any) -> Any:
    if isinstance(value, list):
        return [_doubled(each, marked, key, other) for each in value]
    if isinstance(value, dict):
        made = {name: _doubled(each, marked, key, other) for name, each in value.items()}
        return (
            _Twice(made, key, value[key] if other is None else other) if value is marked else made
        )
    return value
