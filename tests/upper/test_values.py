"""Values written as JSON come back as they were, and nothing else comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import Destruction, Result, Verification
from shredder import values
from shredder.plan import Item, Options
from shredder.run.results import Outcome
from tests.upper.made import destructions, items, json_values, options, outcomes, verifications


@given(st.one_of(items(), outcomes(), options(), destructions(), verifications()))
def test_a_value_reads_back_as_it_was_written(value: object) -> None:
    line = values.dumps(value)
    assert values.loads(type(value), line) == value
    assert line.count(b"\n") == 1
    assert line.isascii()


@given(json_values)
def test_what_is_no_value_is_refused(value: Any) -> None:
    for kind in (Item, Options, Outcome, Destruction, Verification):
        try:
            values.decode(kind, value)
        except values.NotOfItsType:
            continue
        pytest.fail(f"{kind.__name__} was read from {value!r}")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_line_or_refused(line: bytes) -> None:
    with pytest.raises(values.NotOfItsType):
        values.loads(Item, line)


@given(items(), st.data())
def test_a_field_more_or_less_or_of_another_type_is_refused(
    item: Item, data: st.DataObject
) -> None:
    fields = values.encode(item)
    part = data.draw(st.sampled_from([fields, fields["holding"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    what = data.draw(st.sampled_from(["less", "more", "list", "float"]))
    if what == "less":
        del part[name]
    elif what == "more":
        part[f"{name}_"] = part[name]
    else:
        part[name] = [{}] if what == "list" else 1.5
    with pytest.raises(values.NotOfItsType):
        values.loads(Item, json.dumps(fields))


@pytest.mark.parametrize("value", [1, "1", None, True])
def test_numbers_truths_and_texts_are_not_mistaken_for_each_other(value: object) -> None:
    fields = values.encode(Destruction("o", Result.DESTROYED, numbers={"n": 1}))
    kinds = {"order": str, "result": Result, "reason": str}
    for name, kind in kinds.items():
        if not isinstance(value, kind) and value != "1":
            with pytest.raises(values.NotOfItsType):
                values.decode(Destruction, fields | {name: value})
    if type(value) is not int:
        with pytest.raises(values.NotOfItsType):
            values.decode(Destruction, fields | {"numbers": {"n": value}})


def test_a_nesting_without_end_is_refused() -> None:
    with pytest.raises(values.NotOfItsType):
        values.loads(Item, "[" * 100_000)
