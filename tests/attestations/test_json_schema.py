"""The JSON Schemas in the documents are the code's, and agree with it on what is well-formed."""

from __future__ import annotations

import copy
import json
import types
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from attestations import Bundle, Envelope, Policy, Refused
from attestations.errors import Malformed
from attestations.json_schema import schemas, text, write
from attestations.schema import Many, Range, Text, camel, decode, encode, fields, rules_of
from attestations.statement import PREDICATE_BASE, TYPES
from attestations.strict_json import dumps
from attestations.text import format_time, parse_time
from attestations.validation import Acceptance, Validation
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.kinds import kinds
from tests.attestations.test_schema import leaves, put

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"
KINDS = kinds(Forge())
MADE = schemas()
ROOTS: dict[type, dict[str, Any]] = {
    kind: {"$ref": f"#/$defs/{kind.__name__}", "$defs": MADE[file]["$defs"]}
    for kind, file in (
        (kind, name.removeprefix(PREDICATE_BASE).replace("/", "-") + ".schema.json")
        for kind, name in TYPES.items()
    )
} | {Policy: MADE["policy.schema.json"]}


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator(schema)


THEIRS = {cls: validator(schema) for cls, schema in ROOTS.items()}


def test_the_files_are_what_the_code_makes(tmp_path: Path) -> None:
    """Make them again by: python -m attestations.json_schema docs/schema."""
    write(tmp_path)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(MADE)
    for name in MADE:
        assert (FOLDER / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8")
        assert (FOLDER / name).read_text("utf-8") == text(MADE[name])


@pytest.mark.parametrize("name", MADE)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(MADE[name])
    assert MADE[name]["$id"].endswith("/" + name.removesuffix(".schema.json"))


def closed(schema: Any) -> bool:
    """Whether every object in a schema refuses fields that it does not name."""
    if isinstance(schema, list):
        return all(closed(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    shut = schema.get("type") != "object" or schema.get("additionalProperties") is False
    return shut and all(closed(each) for each in schema.values())


@pytest.mark.parametrize("name", MADE)
def test_no_object_takes_unknown_fields(name: str) -> None:
    assert closed(MADE[name])


@pytest.mark.parametrize("name", KINDS)
def test_real_bundles_fit(name: str) -> None:
    kind = KINDS[name]
    validator(MADE["bundle.schema.json"]).validate(json.loads(kind.bundle.to_bytes()))
    validator(MADE["policy.schema.json"]).validate(json.loads(kind.policy.to_bytes()))
    for sealed, file in (
        (kind.bundle.plan, "destruction-plan-v1.schema.json"),
        (kind.bundle.result, "destruction-v1.schema.json"),
    ):
        validator(MADE["envelope.schema.json"]).validate(json.loads(sealed.envelope))
        payload = json.loads(Envelope.from_bytes(sealed.envelope).payload)
        validator(MADE[file]).validate(payload)
        other = put(payload, ("predicateType",), PREDICATE_BASE + "else/v1")
        assert not validator(MADE[file]).is_valid(other)


# --- What one refuses, the other refuses ---------------------------------------------------


def ours(cls: type, value: Any) -> bool:
    try:
        decode(cls, value, "value")
    except Malformed:
        return False
    return True


JUNK: list[Any] = [
    ..., None, True, False, 0, 1, -1, 2**53 - 1, 2**53, "", "x", "x\n", "Ab", "a-b", "a--b", "-a",
    "x" * 64, "x" * 65, "x" * 200, "x" * 201, "é", "٣", "sha256:" + "0" * 64, "sha256:" + "0" * 64 + "\n",
    "sha256:" + "A" * 64, "2026-10-01T12:00:00Z", "2026-10-01T12:00:00.000001Z",
    "2026-10-01T12:00:00.1Z", "2026-10-01T12:00:00+00:00", "2026-10-01 12:00:00Z", "yes", "clear", "complete",
    [], ["a"], ["a", "a"], ["a", "b"], [1], {}, {"a": 1}, [[]], [{}],
]  # fmt: skip


def sample(cls: type) -> Any:
    """A value of the class with every list filled and nothing null that need not be."""
    example: dict[type, Any] = {
        type(made.plan()): made.plan(),
        type(made.result(made.plan())): made.result(made.plan()),
        Policy: KINDS["two-signers"].policy,
        Validation: Validation(
            attestation_id="run-1",
            result=made.NONE,
            decision=Acceptance.ACCEPTED,
            validator=made.plan().operator,
            issued_at=made.NOW,
        ),
    }
    return encode(example[cls]) if cls in example else None


@pytest.mark.parametrize("cls", ROOTS, ids=lambda cls: cls.__name__)
def test_each_leaf_is_held_to_the_same_rule(cls: type) -> None:
    """Every leaf of a real value, replaced by everything in a chest of oddities."""
    value = sample(cls)
    if value is None:
        pytest.fail(f"no sample of {cls.__name__}: add one")
    places = [path for path, _ in leaves(value)]
    accepted = refused = 0
    for path in places:
        for junk in JUNK:
            if junk is ... and isinstance(path[-1], int):
                continue
            spoilt = put(value, path, junk)
            verdict = ours(cls, spoilt)
            if cls is Policy and path == ("mediaType",):
                continue  # the class takes any; Policy.from_bytes takes the one
            assert verdict is THEIRS[cls].is_valid(spoilt), (path, junk)
            accepted, refused = accepted + verdict, refused + (not verdict)
    assert accepted > len(places)
    assert refused > 10 * len(places)


@pytest.mark.parametrize("cls", ROOTS, ids=lambda cls: cls.__name__)
def test_each_object_takes_the_same_fields(cls: type) -> None:
    def objects(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
        if isinstance(value, dict):
            return [path, *(p for k, v in value.items() for p in objects(v, (*path, k)))]
        if isinstance(value, list):
            return [p for n, v in enumerate(value) for p in objects(v, (*path, n))]
        return []

    value = sample(cls)
    for path in objects(value):
        spoilt = put(value, (*path, "note"), 1)
        assert (ours(cls, spoilt), THEIRS[cls].is_valid(spoilt)) == (False, False)


# --- Statements that hypothesis makes -------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda when: format_time(when.replace(tzinfo=UTC))
)


def _matching(rule: Text) -> st.SearchStrategy[str]:
    def fits(made: str) -> bool:
        return made.isascii() and len(made) <= rule.longest

    return st.from_regex(rule.pattern, fullmatch=True).filter(fits)


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """JSON values of a type, straight from its rules: what both readers must accept."""
    plain, rules = rules_of(hint)
    if get_origin(plain) in {Union, types.UnionType}:
        (inner,) = (arg for arg in get_args(plain) if arg is not type(None))
        return st.none() | values(inner)
    if get_origin(plain) is tuple:
        (many,) = (rule for rule in rules if isinstance(rule, Many))
        key = camel(many.by) if many.by else None
        return st.lists(
            values(get_args(plain)[0]),
            min_size=many.least,
            max_size=many.least + 2,
            unique_by=(lambda each: dumps(each[key] if key else each)) if many.unique else None,
        )
    for rule in rules:
        if isinstance(rule, Text):
            if not rule.pattern:
                return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
            return _matching(rule)
        if isinstance(rule, Range):
            return st.integers(rule.low, rule.high)
    if plain is bool:
        return st.booleans()
    if plain is datetime:
        return TIMES
    if issubclass(plain, StrEnum):
        return st.sampled_from([str(member) for member in plain])
    return st.fixed_dictionaries({name: values(each) for name, each in fields(plain).items()})


SCALARS = st.none() | st.booleans() | st.integers() | TEXTS | TIMES
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=4)  # fmt: skip


@pytest.mark.parametrize("cls", ROOTS, ids=lambda cls: cls.__name__)
def test_made_up_values_are_judged_alike(cls: type) -> None:
    seen = {True: 0, False: 0}

    # A whole plan is slow to draw on a busy machine; that says nothing of the plan.
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(values(cls), st.data())
    def judge(value: Any, data: st.DataObject) -> None:
        assert ours(cls, value)
        assert THEIRS[cls].is_valid(value) or cls is Policy
        spoilt = copy.deepcopy(value)
        path = data.draw(st.sampled_from([path for path, _ in leaves(spoilt)]))
        if cls is Policy:
            spoilt["mediaType"] = MADE["policy.schema.json"]["properties"]["mediaType"]["const"]
            path = path if path != ("mediaType",) else ("stores",)
        spoilt = put(spoilt, path, data.draw(ANY))
        verdict = ours(cls, spoilt)
        seen[verdict] += 1
        assert verdict is THEIRS[cls].is_valid(spoilt)

    judge()
    assert seen[False] > 10


def test_what_only_the_procedure_refuses() -> None:
    """The exceptions that the module names, so that the list stays true."""
    result = sample(type(made.result(made.plan())))
    cls, theirs = type(made.result(made.plan())), THEIRS[type(made.result(made.plan()))]
    tallies = [{"code": "a", "count": 1}, {"code": "a", "count": 2}]
    for path, odd in (
        (("targets", 0, "reasons"), tallies),
        (("issuedAt",), "2026-02-30T12:00:00Z"),
        (("targets", 0, "holdings"), 3.0),
    ):
        spoilt = put(result, path, odd)
        assert (ours(cls, spoilt), theirs.is_valid(spoilt)) == (False, True), path
    assert parse_time("2026-02-30T12:00:00Z") is None


# --- Bundle and envelope ---------------------------------------------------------------------


def reads(cls: type[Bundle | Envelope], value: Any) -> bool:
    try:
        cls.from_bytes(json.dumps(value).encode())
    except Refused:
        return False
    return True


BASE64 = ["", "A", "AA", "AA=", "AA==", "AB==", "AAA=", "AAB=", "AAAA", "AAAA\n", "-_-_", "+/+/", "-/-/", "AAAA=", "A A=", "é==="]  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), [(Bundle, "bundle"), (Envelope, "envelope")])
def test_the_outer_layers_are_read_alike(cls: type[Bundle | Envelope], name: str) -> None:
    theirs = validator(MADE[f"{name}.schema.json"])
    kind = KINDS["renewed"].bundle
    value = json.loads(kind.to_bytes() if cls is Bundle else kind.plan.envelope)
    for path, _ in leaves(value):
        for junk in (*JUNK, *BASE64):
            spoilt = put(value, path, junk)
            assert reads(cls, spoilt) is theirs.is_valid(spoilt), (path, junk)
    for path in [(), ("plan",), ("signatures", 0)]:
        try:
            spoilt = put(value, (*path, "note"), "x")
        except KeyError:
            continue
        assert (reads(cls, spoilt), theirs.is_valid(spoilt)) == (False, False)
