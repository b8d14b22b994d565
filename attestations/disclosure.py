"""Step 16, disclosures: single holdings and scope names shown to an auditor, with their proofs.

A statement only commits to the holdings. The auditor, once they have the bundle, choose a seed;
the seed and the statement's two roots say which holdings the operator has to show. Each is
shown twice: as it was found (a leaf of ``inventory``) and as what became of it (``results``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

from attestations.commitment import (
    MAX_PATH,
    SALT_SIZE,
    Opening,
    joined_parts,
    leaf_hash,
)
from attestations.destruction import Destruction, Status
from attestations.errors import Code, Contradiction, Malformed
from attestations.parts import Decisions, Tree
from attestations.plan import Plan, PlanDecision
from attestations.schema import Count, Digest, Label, Many, Range, Text, decode, encode
from attestations.storage import read_limited
from attestations.strict_json import Json, Limits, dumps, loads
from attestations.text import decode_base64, encode_base64

MEDIA_TYPE: Final = "application/vnd.shredder.disclosure+json;version=1"
MAX_HOLDINGS: Final = 1000
LIMITS = Limits(size=64 * 2**20, depth=6, items=300_000)
RECORD_LIMITS = Limits(size=2**18, depth=6, items=5000)

_MAX_SCOPES = 10_000  # of two sweeps
_DOMAIN = b"shredder sample v1\0"

MediaType = Annotated[str, Text("media type", 100)]
Bytes = Annotated[str, Text("base64", 4 * (2**18 // 3 + 1))]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record of a tree, with what leads from it to the root."""

    record: Bytes
    salt: Bytes
    path: Annotated[tuple[Bytes, ...], Many(MAX_PATH)]

    @classmethod
    def of(cls, opening: Opening) -> Leaf:
        """Write an opening."""
        return cls(
            record=encode_base64(opening.record),
            salt=encode_base64(opening.salt),
            path=tuple(map(encode_base64, opening.path)),
        )

    def opening(self, index: int) -> Opening:
        """Read it back. Raises Malformed."""
        what = "disclosure"
        return Opening(
            index=index,
            record=decode_base64(self.record, what),
            salt=decode_base64(self.salt, what),
            path=tuple(decode_base64(each, what) for each in self.path),
        )


@dataclass(frozen=True, slots=True)
class HoldingOpened:
    """One holding: leaf `index` of both trees."""

    index: Count
    inventory: Leaf
    results: Leaf


@dataclass(frozen=True, slots=True)
class ScopeOpened:
    """A scope's commitment and what was committed to: the joined parts, store and scope."""

    commitment: Digest
    salt: Bytes
    parts: Bytes


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The whole file."""

    media_type: MediaType
    result: Digest
    seed: Label | None
    sample: Annotated[int, Range(0, MAX_HOLDINGS)]
    holdings: Annotated[tuple[HoldingOpened, ...], Many(MAX_HOLDINGS, unique=True, by="index")]
    scopes: Annotated[tuple[ScopeOpened, ...], Many(_MAX_SCOPES, unique=True, by="commitment")] = ()

    def to_bytes(self) -> bytes:
        """Write the file, with a line end. Raises Malformed for what no auditor would read."""
        try:
            data = dumps(encode(self)) + b"\n"
        except ValueError:
            raise Malformed(Code.E_JSON, "disclosure: text that is not Unicode") from None
        assert Disclosure.from_bytes(data) == self, "a disclosure reads as it was written"
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Disclosure:
        """Read a disclosure, strictly. Raises :class:`Malformed`."""
        disclosure = decode(cls, loads(data, LIMITS, "disclosure"), "disclosure")
        if disclosure.media_type != MEDIA_TYPE:
            raise Malformed(Code.E_SCHEMA, f"disclosure: its mediaType is not {MEDIA_TYPE}")
        return disclosure


@dataclass(frozen=True, slots=True)
class Request:
    """What the auditor asked for; None asks for nothing beyond what the file says itself."""

    seed: str | None = None
    sample: int | None = None


NO_REQUEST = Request()


@dataclass(frozen=True, slots=True)
class HoldingShown:
    """A holding whose records were opened. All texts are the operator's, and not escaped."""

    index: int
    id: str
    store: str
    scope: str
    kind: str
    locator: str
    version: str
    verdict: str
    decision: str
    status: str
    demanded: bool  # by the seed


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a good disclosure shows. `asked`: the auditor's own seed was compared."""

    asked: bool
    sample: int  # holdings that the seed demands
    holdings: tuple[HoldingShown, ...]
    scopes: tuple[tuple[str, str], ...]  # store, scope

    def to_json(self) -> dict[str, object]:
        """Return what ``verify --json`` prints of it."""
        return {
            "asked": self.asked,
            "sample": self.sample,
            "holdings": [asdict(each) for each in self.holdings],
            "scopes": [{"store": store, "scope": scope} for store, scope in self.scopes],
        }


def sample_indices(seed: str, inventory: Tree, results: Tree, count: int) -> tuple[int, ...]:
    """Return the leaves that a seed demands, ascending: `count` of them, or all if fewer.

    Number n of the draw is SHA-256 of ``shredder sample v1 NUL``, the seed's length in 4 bytes,
    the seed, both roots and n in 8 bytes, as a big-endian number modulo the size; one that was
    drawn before is passed over.
    """
    size = inventory.size
    if count >= size:
        return tuple(range(size))
    encoded = seed.encode()
    prefix = _DOMAIN + len(encoded).to_bytes(4, "big") + encoded + _root(inventory) + _root(results)
    drawn: set[int] = set()
    number = 0
    while len(drawn) < count:
        digest = hashlib.sha256(prefix + number.to_bytes(8, "big")).digest()
        drawn.add(int.from_bytes(digest, "big") % size)
        number += 1
    return tuple(sorted(drawn))


def read_disclosure(path: Path) -> bytes:
    """Return a disclosure file's bytes. Raises Unreadable, Contradiction (E_DISCLOSURE)."""
    try:
        return read_limited(path, LIMITS.size, "disclosure")
    except Malformed as error:
        raise Contradiction(Code.E_DISCLOSURE, error.message) from None


def check_disclosure(
    data: bytes, plan: Plan, result: Destruction, digest: str, request: Request
) -> Disclosed:
    """Hold a disclosure against verified statements; `digest` is of the result's envelope.

    Raises Contradiction (E_DISCLOSURE).
    """
    try:
        return _check(Disclosure.from_bytes(data), plan, result, digest, request)
    except Malformed as error:
        raise Contradiction(Code.E_DISCLOSURE, error.message) from None


def _check(
    read: Disclosure, plan: Plan, result: Destruction, digest: str, request: Request
) -> Disclosed:
    if read.result != digest:
        raise _wrong("it belongs to another attestation")
    if request.seed is not None and read.seed != request.seed:
        raise _wrong("it answers another seed than the auditor's")
    if request.sample is not None and read.sample < request.sample:
        raise _wrong("it shows a smaller sample than was asked for")
    demanded: set[int] = set()
    if read.seed is not None:
        demanded.update(sample_indices(read.seed, plan.inventory, result.results, read.sample))
    elif read.sample:
        raise _wrong("a sample without a seed")
    if demanded - {each.index for each in read.holdings}:
        raise _wrong("a holding that the seed demands is not shown")
    holdings = tuple(
        _holding(each, plan, result, demanded=each.index in demanded) for each in read.holdings
    )
    if len({each.id for each in holdings}) != len(holdings):
        raise _wrong("two holdings of one id")
    _check_counts(holdings, plan, result)
    return Disclosed(
        asked=request.seed is not None,
        sample=len(demanded),
        holdings=holdings,
        scopes=tuple(_scope(each, plan, result) for each in read.scopes),
    )


def _wrong(why: str) -> Contradiction:
    return Contradiction(Code.E_DISCLOSURE, f"disclosure: {why}")


def _root(tree: Tree) -> bytes:
    return bytes.fromhex(tree.root.removeprefix("sha256:"))


def _holding(
    shown: HoldingOpened, plan: Plan, result: Destruction, *, demanded: bool
) -> HoldingShown:
    before, after = shown.inventory.opening(shown.index), shown.results.opening(shown.index)
    if not before.opens(_root(plan.inventory), plan.inventory.size):
        raise _wrong("a record that is not in the inventory")
    if not after.opens(_root(result.results), result.results.size):
        raise _wrong("a record that is not in the results")
    line, came = _object(before.record), _object(after.record)
    holding = line.get("holding")
    if not isinstance(holding, dict):
        raise _wrong("a record of the inventory without a holding")
    if _text(line, "id") != _text(came, "id"):
        raise _wrong("the records of one holding are about two")
    if _text(holding, "store") != _text(came, "store"):
        raise _wrong("the records of one holding name two stores")
    return HoldingShown(
        index=shown.index,
        id=_text(line, "id"),
        store=_text(holding, "store"),
        scope=_text(holding, "scope"),
        kind=_text(holding, "kind"),
        locator=_text(holding, "locator"),
        version=_text(holding, "version"),
        verdict=_text(holding, "verdict"),
        decision=_text(line, "decision"),
        status=_text(came, "status"),
        demanded=demanded,
    )


def _object(record: bytes) -> dict[str, Json]:
    # Names of files that are not UTF-8 stand in a record as lone surrogates.
    value = loads(record, RECORD_LIMITS, "disclosure: a record", lone_surrogates=True)
    if not isinstance(value, dict):
        raise _wrong("a record that is not an object")
    return value


def _text(value: dict[str, Json], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise _wrong(f"a record without {name}")
    return found


def _check_counts(holdings: Iterable[HoldingShown], plan: Plan, result: Destruction) -> None:
    """Refuse more holdings of a sort than the statements count: their sums were made of others."""
    planned: Counter[tuple[str, ...]] = _decided(plan.undecided, plan.dismissed)
    for group in plan.targets:
        planned[(group.store, group.kind, group.decision)] += group.holdings
    came: Counter[tuple[str, ...]] = _decided(result.undecided, result.dismissed)
    for target in result.targets:
        came[(target.store, target.kind, target.status)] += target.holdings
    for each in holdings:
        left = each.decision if each.decision in {"undecided", "dismissed"} else ""
        if left and each.status != left:
            raise _wrong("a holding's decision and what became of it differ")
        if left and each.verdict != "copy":
            planned[(each.verdict, left)] -= 1
            came[(each.verdict, left)] -= 1
            continue
        destroy = each.decision == PlanDecision.DESTROY
        if not destroy and each.status.startswith(("destroyed", "pending")):
            raise _wrong("a holding that was not to be destroyed is said to be")
        decision = PlanDecision.DESTROY if destroy else PlanDecision.RETAIN
        planned[(each.store, each.kind, decision)] -= 1
        came[(each.store, each.kind, Status.RETAINED if left else each.status)] -= 1
    if any(number < 0 for number in (*planned.values(), *came.values())):
        raise _wrong("more holdings of a sort than the statement counts")


def _decided(undecided: Decisions, dismissed: Decisions) -> Counter[tuple[str, ...]]:
    return Counter(
        {
            (verdict, decision): number
            for decision, counts in (("undecided", undecided), ("dismissed", dismissed))
            for verdict, number in (("likely", counts.likely), ("maybe", counts.maybe))
        }
    )


def _scope(shown: ScopeOpened, plan: Plan, result: Destruction) -> tuple[str, str]:
    salt = decode_base64(shown.salt, "disclosure")
    joined = decode_base64(shown.parts, "disclosure")
    made = "sha256:" + leaf_hash(salt + joined).hex()
    length = int.from_bytes(joined[:4], "big")
    store, rest = joined[4 : 4 + length], joined[8 + length :]
    names = store.decode("utf-8", "surrogateescape"), rest.decode("utf-8", "surrogateescape")
    if len(salt) != SALT_SIZE or made != shown.commitment or joined_parts(names) != joined:
        raise _wrong("a scope's name that its commitment does not hold")
    sweeps = [plan.sweep] if result.sweep is None else [plan.sweep, result.sweep]
    known = {(s.store, s.scope) for sweep in sweeps for s in sweep.coverage}
    if (names[0], shown.commitment) not in known:
        raise _wrong("a scope that no sweep names")
    return names
