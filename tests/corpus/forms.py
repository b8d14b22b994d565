"""How exports write values: numbers, dates, identifiers, case, Unicode's two forms, names."""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

from tests.corpus.tables import DATES, NUMERIC, Column, Kind, Row

Form = Callable[[str], str]

INCOMES: dict[str, Form] = {
    "plain": str,
    ".0": lambda v: f"{v}.0",
    ".00": lambda v: f"{v}.00",
    "commas": lambda v: f"{int(v):,}",
    "commas.00": lambda v: f"{int(v):,}.00",
    "dollars": lambda v: f"${int(v):,}",
    "german": lambda v: f"{int(v):,}".replace(",", ".") + ",00",
}
DATE_FORMS: dict[str, Form] = {
    "iso": str,
    "dots": lambda v: date.fromisoformat(v).strftime("%d.%m.%Y"),
    "slashes": lambda v: date.fromisoformat(v).strftime("%m/%d/%Y"),
    "time": lambda v: f"{v}T00:00:00Z",
}
_IDS: dict[str, Form] = {
    "as-is": str,
    "upper": str.upper,
    "lower": str.lower,
    "other-hyphens": lambda v: str(uuid.UUID(v)) if "-" not in v else uuid.UUID(v).hex,
    "braces": lambda v: "{" + v + "}",
    "urn": lambda v: f"urn:uuid:{uuid.UUID(v)}",
}
_NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.ID: ("id", "resp_uid", "uuid", "Record ID", "key"),
    Kind.NUMBER: ("id", "nr", "resp_no", "ID"),
    Kind.EMAIL: ("mail", "E-Mail", "email_address", "contact"),
    Kind.FIRST: ("vorname", "fname", "given"),
    Kind.LAST: ("nachname", "lname", "surname"),
    Kind.FULL: ("name", "Name", "respondent"),
    Kind.PHONE: ("tel", "Telefon", "mobile"),
    Kind.INCOME: ("salary", "einkommen", "hh_income", "v17"),
    Kind.ETHNICITY: ("ethnic_group", "v18", "herkunft"),
    Kind.TEXT: ("q9_open", "remarks", "v22", "Kommentar"),
    Kind.DATE: ("ts", "created", "datum"),
}


def renamed(rng: random.Random, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Give columns other names, each its own."""
    taken: set[str] = set()
    found = []
    for column in columns:
        choices = [n for n in (*_NAMES.get(column.kind, ()), column.name) if n not in taken]
        found.append(Column(rng.choice(choices) if choices else column.name, column.kind))
        taken.add(found[-1].name)
    return tuple(found)


def written(
    rng: random.Random, columns: Sequence[Column], rows: Sequence[Row]
) -> tuple[list[Row], list[str]]:
    """Write all rows in one export's forms; return them and what was chosen."""
    income = rng.choice(list(INCOMES)) if rng.random() < 0.5 else "plain"
    dates = rng.choice(list(DATE_FORMS)) if rng.random() < 0.4 else "iso"
    identity = rng.choice(list(_IDS)) if rng.random() < 0.4 else "as-is"
    if not all(_is_uuid(r[at]) for at, c in enumerate(columns) if c.kind is Kind.ID for r in rows):
        identity = identity if identity in {"upper", "lower"} else "as-is"
    case = rng.choice(("upper", "lower", "title")) if rng.random() < 0.2 else "as-is"
    unicode_form: Literal["NFC", "NFD"] = "NFD" if rng.random() < 0.15 else "NFC"

    def form(kind: Kind, value: str) -> str:
        if not value:
            return value
        if kind is Kind.INCOME:
            return INCOMES[income](value)
        if kind in DATES:
            return DATE_FORMS[dates](value)
        if kind is Kind.ID:
            return _IDS[identity](value)
        if kind in NUMERIC:
            return value
        value = unicodedata.normalize(unicode_form, value)
        return value if case == "as-is" else str(getattr(value, case)())

    chosen = [f"income-{income}", f"dates-{dates}", f"ids-{identity}", f"case-{case}", unicode_form]
    plain = {"income-plain", "dates-iso", "ids-as-is", "case-as-is", "NFC"}
    return [tuple(form(c.kind, v) for c, v in zip(columns, row, strict=True)) for row in rows], [
        word for word in chosen if word not in plain
    ]


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
