"""Base64 in one form, times in one form, and text that cannot steer a terminal."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.errors import Code, Malformed
from attestations.text import decode_base64, encode_base64, format_time, parse_time, shown


@given(st.binary(max_size=100))
def test_both_alphabets_are_read(data: bytes) -> None:
    assert data == decode_base64(encode_base64(data), "test")
    assert data == decode_base64(base64.urlsafe_b64encode(data).decode(), "test")


@pytest.mark.parametrize(
    "text",
    ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "Q$Q=", "+-8=", "_/8=", "QQ===", "Zg\u00e9=", "=", "QQ==\0", "\uff31\uff31=="],
)  # fmt: skip
def test_base64_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode_base64(text, "test")
    assert caught.value.verdict == Code.E_BASE64


@given(st.text(alphabet="AQgw+/-_=9z", max_size=12))
def test_a_text_is_read_only_if_it_is_what_would_be_written(text: str) -> None:
    try:
        data = decode_base64(text, "test")
    except Malformed:
        return
    assert text in {encode_base64(data), base64.urlsafe_b64encode(data).decode()}


@pytest.mark.parametrize(
    "text",
    [
        "2026-W40-4",
        "2026-W40-4T12:00:00Z",
        "2026-10-01T12:00:00",
        "2026-10-01T12:00:00+00:00",
        "2026-10-01T12:00:00+05:30",
        "2026-10-01T12:00:00z",
        "2026-10-01t12:00:00Z",
        "2026-10-01 12:00:00Z",
        "2026-10-01T12:00Z",
        "2026-10-01T12:00:00.1Z",
        "2026-10-01T12:00:00,100000Z",
        "2026-10-01T24:00:00Z",
        "2026-10-01T12:00:60Z",
        "2026-02-30T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "20261001T120000Z",
        "\uff12026-10-01T12:00:00Z",
        "2026-10-01T12:00:00Z\n",
        "",
    ],
)
def test_a_time_in_any_other_form_is_refused(text: str) -> None:
    assert parse_time(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_reads_as_it_was_written(moment: datetime) -> None:
    assert moment == parse_time(format_time(moment))


def test_times_are_written_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert format_time(datetime(2026, 10, 1, 17, 30, tzinfo=india)) == "2026-10-01T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        format_time(datetime(2026, 10, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 漢", "plain é 漢"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2028", "\\u2028"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
        ("a" * 300, "a" * 200 + "…"),
    ],
)
def test_shown_text_cannot_steer_a_terminal(text: str, expected: str) -> None:
    assert shown(text) == expected
