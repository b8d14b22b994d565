"""What becomes of single values, and which role a column is guessed to have."""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable

import pytest

from shredder.fingerprint import Reason, Role, guess, tokens, values
from shredder.fingerprint.values import weigh

UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


def test_both_sides_agree_on_lengths() -> None:
    assert (values.SHORTEST, values.LONGEST) == (tokens.SHORTEST, tokens.LONGEST)


@pytest.mark.parametrize(
    "spelling",
    [UUID, UUID.lower(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f" {UUID}\n"],
)
def test_a_uuid_has_two_forms_however_it_is_spelt(spelling: str) -> None:
    plain = UUID.lower().encode()
    assert weigh(spelling, person=False).tokens == (plain, plain.replace(b"-", b""))


@pytest.mark.parametrize(
    "spelling", ["1234567890", "1234567890.0", "1234567890.00", "1,234,567,890", "+1234567890"]
)
def test_a_number_has_the_forms_of_exports(spelling: str) -> None:
    weight = weigh(spelling, person=False)
    assert set(weight.tokens) == {b"1234567890", b"1234567890.0", b"1234567890.00"}
    assert weight.digits == 10


def test_leading_zeros_that_a_sheet_drops() -> None:
    assert {b"001234567890", b"1234567890"} <= set(weigh("001234567890", person=False).tokens)
    assert b"12345678" not in weigh("0012345678", person=False).tokens


@pytest.mark.parametrize(
    "value",
    [
        "1",
        "50000",
        "12345678",
        "2018-05-14",
        "14.05.2018",
        "true",
        "agree",
        "Strongly-agree",
        "covid-19",
        "mp3",
        "a1b2",
        "counterrevolutionary",
        "-----",
        "€€€",
        "1.2.3",
    ],
)
def test_what_stands_anywhere_is_no_evidence(value: str) -> None:
    weight = weigh(value, person=False)
    assert (weight.tokens, weight.reason) == ((), Reason.PLAIN)


@pytest.mark.parametrize(
    "value", ["I liked it", "a:b:c 123456789", "2018-05-14T10:00:00Z", "https://example.org/x/1"]
)
def test_what_is_several_tokens_is_not_used_yet(value: str) -> None:
    assert weigh(value, person=False).reason is Reason.SEVERAL_TOKENS


@pytest.mark.parametrize("value", ["R-000017", "a3f9c2d1", "x" * 15 + "1", "k" * 24, "123456789"])
def test_what_is_private_evidence(value: str) -> None:
    assert weigh(value, person=False).tokens[0] == value.lower().encode()


def test_an_email_address_is_of_a_person_even_in_a_private_column() -> None:
    weight = weigh("Anna.Schmidt+x@Example.org", person=False)
    assert weight.tokens == (b"anna.schmidt+x@example.org",)
    assert weight.person


def test_a_telephone_number_has_its_digits_too() -> None:
    assert weigh("+49 (0)30 1234-567", person=True).tokens == (b"490301234567",)
    assert weigh("+49301234567", person=True).tokens
    assert weigh("2018-05-14 10", person=True).reason


@pytest.mark.parametrize("fold", [str, str.lower, str.upper, str.casefold])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_other_letters_are_found_in_the_spellings_of_exports(
    fold: Callable[[str], str], form: str
) -> None:
    registered = weigh("Größe-Ärger-123", person=False).tokens
    spelt = unicodedata.normalize(form, fold("Größe-Ärger-123"))  # type: ignore[arg-type]
    assert spelt.encode().lower() in registered


def test_a_lone_surrogate_is_no_accident() -> None:
    assert weigh("abc\udcff12345", person=False).tokens


def sample(*makers: Callable[[int], str | None]) -> list[tuple[str | None, ...]]:
    return [tuple(make(n) for make in makers) for n in range(300)]


WORDS = [
    "the",
    "form",
    "was",
    "long",
    "and",
    "I",
    "did",
    "not",
    "understand",
    "the",
    "question",
    "about",
    "income",
    "at",
    "all",
]
RANDOM = random.Random(5)


def sentence(n: int) -> str:
    return " ".join(RANDOM.choices(WORDS, k=12)) + f" {n}"


@pytest.mark.parametrize(
    ("name", "make", "role"),
    [
        ("respondent_id", lambda n: str(uuid.UUID(int=n << 90 | n)), Role.PRIVATE),
        ("anything", lambda n: uuid.UUID(int=n << 90 | n).hex, Role.PRIVATE),
        ("ResponseId", lambda n: f"R_{n:04d}kJ8sQ{n}", Role.PRIVATE),
        ("comment", sentence, Role.PRIVATE),
        ("response_id", lambda n: str(10_000_000_000 + 7919 * n), Role.PRIVATE),
        ("customer_id", lambda n: str(uuid.UUID(int=n << 90 | n)), Role.PERSON),
        ("userId", lambda n: f"u{n:09d}", Role.PERSON),
        ("email", lambda n: f"p{n}@example.org", Role.PERSON),
        ("contact", lambda n: f"p{n}@example.org" if n % 3 else "none", Role.PERSON),
        ("x", lambda n: f"+49 30 {n:07d}", Role.PERSON),
        ("last_name", lambda n: f"Meyer{n}", Role.PERSON),
        ("id", lambda n: str(n + 1), Role.PRIVATE),
        ("created", lambda n: str(1_526_300_000 + n), Role.QUASI),
        ("created_at", lambda n: f"2018-05-14T10:{n % 60:02}:{n // 60:02}Z", Role.QUASI),
        ("day", lambda n: f"2018-{n % 12 + 1:02}-{n % 28 + 1:02}", Role.QUASI),
        ("survey_id", lambda n: UUID, Role.QUASI),
        ("income", lambda n: str(n * 500), Role.QUASI),
        ("answer", lambda n: WORDS[n % 9], Role.QUASI),
        ("agreement", lambda n: "I strongly agree with this statement", Role.QUASI),
        ("nothing", lambda n: None, Role.QUASI),
        ("blank", lambda n: "  ", Role.QUASI),
    ],
)
def test_roles_are_guessed_with_care(
    name: str, make: Callable[[int], str | None], role: Role
) -> None:
    assert guess([name], sample(make)) == {name: role}
