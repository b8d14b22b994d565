"""From a value of a source to the tokens by which it is recognised.

A value becomes evidence only as one whole token, in the forms that exports give it:

* a UUID with and without hyphens, out of braces and ``urn:uuid:``;
* a whole number as ``1234567890``, ``1234567890.0`` and ``1234567890.00`` (``1,234,567,890`` is
  registered as these, but is three tokens where it is looked for, and so is not found);
* a telephone number as it stands, if that is one token, and as its digits;
* text with other than ASCII characters in NFC and NFD, each as it stands, in lower and in upper
  case and case-folded, in UTF-8. The tokeniser folds ASCII letters, so any other mixture of
  cases of non-ASCII letters is not found.

What is short or plain enough to stand anywhere by chance is no evidence, see :func:`weigh`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from shredder.fingerprint import raw

# These mirror shredder.fingerprint.tokens, which needs numpy; a test holds them equal.
SHORTEST, LONGEST = 6, 128
_INNER = r"0-9A-Za-z_.@+\-\u0080-\U0010ffff"
_OUTER = r"0-9A-Za-z\u0080-\U0010ffff"
_ONE_TOKEN = re.compile(rf"[^{_OUTER}]*([{_OUTER}](?:[{_INNER}]*[{_OUTER}])?)[^{_OUTER}]*")
_UUID = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
_NUMBER = re.compile(r"[+-]?([0-9]+)(?:\.0*)?|[+-]?([0-9]{1,3}(?:,[0-9]{3})+)(?:\.0*)?")
_PHONE = re.compile(r"(?:\+|\(|00|0)?[0-9][0-9 ()./\-]{6,}[0-9]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SEVERAL_WORDS = re.compile(r"\S\s+(?=\S)")

# Digits a number needs. Of nine, one foreign number in 10**9 is a given one; counters, dates,
# postcodes, amounts and eight-digit ids are everywhere.
_DIGITS = 9
SHORT_DIGITS = _DIGITS - 1
# Random identifiers have digits among their letters; words do not.
_LENGTH, _LENGTH_DIGITS = 8, 3
_LONG = 16  # from here on a few digits do, and a word would be a rare one
_LONGER_THAN_WORDS = 24


# Scripts that set no space between words: a run of letters is a clause, and may be a set phrase.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\uff66-\uff9f]"
)


class Reason(StrEnum):
    """Why a value is no evidence, in the operator's words."""

    NONE = ""
    QUASI = "says nothing by itself"
    EMPTY = "no values"
    PLAIN = "values too short or too plain to be evidence"
    SEVERAL_TOKENS = "values of several parts with too few words to be evidence"
    FREE_TEXT = "single words in free text"
    SHORT = "short numbers, which count only beside other values of their record"
    DENSE = "numbers too close together to be evidence"
    FREQUENT = "values that occur too often to be evidence"
    PERSON = "values that point to a person, not to a record"


@dataclass(frozen=True, slots=True)
class Weight:
    """What a value gives: tokens as bytes, ASCII folded; or the reason why none.

    `raw`: how it stands in binary data. `digits`: how many digits, if it is nothing but a
    number. `weak`: that it is too plain to stand alone in a column of free text. `person`: that
    it can only point to a person.
    """

    tokens: tuple[bytes, ...] = ()
    raw: tuple[bytes, ...] = ()
    reason: Reason = Reason.NONE
    digits: int = 0
    weak: bool = False
    person: bool = False


_PLAIN = Weight(reason=Reason.PLAIN)
_SEVERAL = Weight(reason=Reason.SEVERAL_TOKENS)


def is_email(value: str) -> bool:
    """Whether a value looks like an e-mail address."""
    return _EMAIL.fullmatch(value.strip()) is not None


def is_uuid(value: str) -> bool:
    """Whether a value is a UUID, with or without hyphens."""
    return _UUID.fullmatch(value.strip()) is not None


def is_phone(value: str) -> bool:
    """Whether a value is written as telephone numbers are; bare digits are not."""
    value = value.strip()
    if not _PHONE.fullmatch(value) or _DATE.match(value):
        return False
    if not _DIGITS <= sum(map(str.isdigit, value)) <= 15:  # E.164 has 15 at the most
        return False
    return value.startswith(("+", "(")) or len(re.findall(r"[ /\-]+", value)) > 0


def unspaced(run: bytes) -> bool:
    """Whether a run of letters in UTF-8 is of a script that sets no space between words."""
    return not run.isascii() and _UNSPACED.search(run.decode("utf-8", "ignore")) is not None


def short_number(value: str) -> str:
    """Return the digits of a whole number that is too short to be evidence alone; or nothing."""
    match = _NUMBER.fullmatch(value.strip())
    digits = (match[1] or match[2]).replace(",", "") if match else ""
    return digits if len(digits) <= SHORT_DIGITS and digits.isascii() else ""


def weigh(value: str, *, person: bool) -> Weight:
    """Turn a value into tokens, or say why it is no evidence.

    Evidence of a record are: a UUID; a number of at least 9 digits (see also the rule about
    dense numbers in `postings`); at least 8 characters with 3 digits and a letter; at least 16
    characters with a digit and a letter; at least 24 letters. Evidence of a person are, besides,
    e-mail addresses, and 8 characters with a digit or inner punctuation. An e-mail address is
    never more than that: it occurs elsewhere honestly.
    """
    value = value.strip()
    uuid = _UUID.fullmatch(value)
    if uuid:
        groups = [group.lower().encode() for group in uuid.groups()]
        return Weight((b"-".join(groups), b"".join(groups)), raw.of_uuid(b"".join(groups)))
    number = _NUMBER.fullmatch(value)
    if number:
        return _weigh_number(value, (number[1] or number[2]).replace(",", ""))
    if person and is_phone(value):
        digits = re.sub(r"[^0-9]", "", value)
        return Weight(tuple(sorted({digits.encode(), *_forms(value)})), digits=len(digits))
    forms = _forms(value)
    if not forms:
        one = SEVERAL_WORDS.search(value) is None and _ONE_TOKEN.fullmatch(value)
        return _PLAIN if one or not any(map(str.isalnum, value)) else _SEVERAL
    return _weigh_word(forms, person=person)


def _weigh_number(value: str, digits: str) -> Weight:
    plain = digits.lstrip("0")
    if len(digits) < _DIGITS:
        return _PLAIN
    spellings = [digits, plain] if len(plain) >= _DIGITS else [digits]  # a sheet drops zeros
    forms = {s + tail for s in spellings for tail in ("", ".0", ".00")}
    forms |= {form.decode() for form in _forms(value)}
    tokens = tuple(sorted(form.encode() for form in forms if len(form) <= LONGEST))
    if not tokens:
        return _PLAIN
    return Weight(tokens, raw.of_number(value, plain), digits=len(digits))


def _weigh_word(forms: tuple[bytes, ...], *, person: bool) -> Weight:
    token = forms[0]
    if b"@" in token and is_email(token.decode(errors="replace")):
        return Weight(forms, person=True)
    digits = sum(0x30 <= byte <= 0x39 for byte in token)
    joints = sum(byte in b"_.@+-" for byte in token)
    letters = len(token) - digits - joints
    if not letters:
        return Weight(forms, digits=digits) if digits >= _DIGITS else _PLAIN
    if digits < _LENGTH_DIGITS and unspaced(token):
        return _SEVERAL
    if len(token) >= _LONG and (digits or letters >= _LONGER_THAN_WORDS):
        return Weight(forms)
    short = len(token) >= _LENGTH and digits >= _LENGTH_DIGITS
    if short or (person and len(token) >= _LENGTH and (digits or joints)):
        return Weight(forms, weak=True)
    return _PLAIN


def _forms(value: str) -> tuple[bytes, ...]:
    """Return the spellings of a value that is one token of a fit length; the plain one first."""
    match = _ONE_TOKEN.fullmatch(value)
    if not match:
        return ()
    token = match[1]
    if token.isascii():
        spellings = [token]
    else:
        spellings = [
            unicodedata.normalize(form, spelling)
            for spelling in (token, token.lower(), token.upper(), token.casefold())
            for form in ("NFC", "NFD")
        ]
    folded = dict.fromkeys(
        spelling.encode("utf-8", "surrogatepass").lower() for spelling in spellings
    )
    return tuple(form for form in folded if SHORTEST <= len(form) <= LONGEST)
