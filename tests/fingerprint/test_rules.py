"""What docs/finding.md says of windows, in lines of text: who is beside whom, and whose it is."""

from __future__ import annotations

import io
import random
import sqlite3
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from backends.content import examine_stream
from backends.contract import RecordClass, Verdict
from shredder.fingerprint import FingerprintMatcher, Role, enrol
from tests.fingerprint.made import KEY, Table
from tests.fingerprint.survey import (
    COMMENT,
    EMAIL,
    ID,
    INCOME,
    NAME,
    ROWS,
    enrolled,
    look,
    some,
    text,
)

TRACE, PERSON, FOREIGN = (
    bytes([kind]) for kind in (RecordClass.TRACE, RecordClass.PERSON, RecordClass.FOREIGN)
)


@pytest.fixture(scope="module")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> FingerprintMatcher:
    return enrolled(tmp_path_factory.mktemp("rules") / "fingerprint")


def strangers(count: int) -> list[str]:
    """Incomes that nobody has, beside addresses that nobody has."""
    return [f"s{n}@strangers.example" for n in range(count)]


def words(line: str, count: int) -> str:
    return " ".join(line.split()[:count])


@pytest.mark.parametrize(("count", "certain"), [(10, False), (11, True), (14, True)])
def test_certain_is_an_address_with_eleven_words_of_its_record(
    matcher: FingerprintMatcher, count: int, certain: bool
) -> None:
    found, classes = look(matcher, [f"{ROWS[7][EMAIL]},{words(ROWS[7][COMMENT], count)}"])
    assert (found.verdict is Verdict.COPY) == certain
    assert (classes == bytes([RecordClass.RECORD])) == certain


def test_an_address_with_another_records_words_is_not_certain(matcher: FingerprintMatcher) -> None:
    found, classes = look(matcher, [f"{ROWS[7][EMAIL]},{ROWS[8][COMMENT]}"])
    assert (found.verdict, classes) == (Verdict.MAYBE, TRACE)


def test_set_phrases_beside_many_addresses_are_no_copy(matcher: FingerprintMatcher) -> None:
    said = [f"{row[EMAIL]},{words(row[COMMENT], 5)}" for row in ROWS[:4]]
    assert look(matcher, said)[0].verdict is Verdict.COPY
    others = [f"{row[EMAIL]},{text()}" for row in random.Random(5).sample(ROWS[20:], 30)]
    assert look(matcher, said + others)[0].verdict is Verdict.MAYBE


def test_a_text_of_five_words_is_one_and_an_identifier_of_five_parts_is_not(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = [
        (f"{chance.getrandbits(32):08x}-a-b-c-{n}", f"n{n}@x.example", f"{text(4)} w{n}x")
        for n in range(40)
    ]
    path = tmp_path / "fingerprint"
    roles = {"id": Role.PRIVATE, "email": Role.PERSON, "comment": Role.PRIVATE}
    report = enrol([Table(("id", "email", "comment"), rows)], roles=roles, key=KEY, path=path)
    assert report.columns[2].usable == 40
    matcher = FingerprintMatcher(path, KEY)
    assert look(matcher, [row[0] for row in rows[:1]])[0].verdict is Verdict.COPY
    assert look(matcher, [f"{row[1]},{row[2]}" for row in rows[:3]])[0].verdict is Verdict.COPY
    assert look(matcher, [f"{row[2]}" for row in rows])[0].verdict is None


def test_a_row_of_two_columns_is_not_looked_at_with_its_neighbours(
    matcher: FingerprintMatcher,
) -> None:
    """Or incomes would stand beside each address that are those of many."""
    lines = [f"{row[EMAIL]},{row[INCOME]}" for row in ROWS[:9]]
    common = [f"{who},{row[INCOME]}" for who, row in zip(strangers(290), ROWS[9:], strict=False)]
    mixed = [line for n in range(9) for line in (lines[n], *common[32 * n : 32 * n + 32])]
    found, classes = look(matcher, mixed)
    assert (found.verdict, found.matched, classes.count(TRACE)) == (Verdict.COPY, 9, 9)


@pytest.mark.parametrize("key", ["address: {}", "{}"])
def test_a_value_is_looked_for_as_far_as_the_next_address(
    matcher: FingerprintMatcher, key: str
) -> None:
    apart = [[key.format(row[EMAIL]), f"income {row[INCOME]}"] for row in ROWS[:6]]
    assert look(matcher, list(chain(*apart)))[0].verdict is Verdict.COPY
    between = [
        [lines[0], key.format(who), lines[1]]
        for lines, who in zip(apart, strangers(6), strict=True)
    ]
    assert look(matcher, list(chain(*between)))[0].verdict is Verdict.MAYBE


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_value_is_looked_for_between_the_names_of_others(
    matcher: FingerprintMatcher, order: tuple[int, int]
) -> None:
    """Eight names and then their eight incomes: nobody can tell whose is whose."""
    rows = some(24, NAME, INCOME)
    one_by_one = [value for row in rows for value in row.split(",")]
    assert look(matcher, one_by_one)[0].verdict is Verdict.COPY
    columns = [
        row.split(",")[at] for n in range(0, 24, 8) for at in order for row in rows[n : n + 8]
    ]
    assert look(matcher, columns)[0].verdict is not Verdict.COPY


def test_a_row_of_many_columns_stands_for_itself(matcher: FingerprintMatcher) -> None:
    for others, copy in (("", True), (",5,-", False)):
        pairs = [(f"{row[EMAIL]}{others}", f"{row[INCOME]}{others}") for row in ROWS[:20]]
        assert (look(matcher, list(chain(*pairs)))[0].verdict is Verdict.COPY) == copy


def test_a_line_with_a_value_is_not_looked_beyond_for_another(matcher: FingerprintMatcher) -> None:
    rows = random.Random(8).sample(ROWS, 40)
    strange = [row[INCOME] for row in (*rows[20:], *rows[:20])]
    pairs = [
        (f"{row[EMAIL]},{other}", row[INCOME]) for row, other in zip(rows, strange, strict=True)
    ]
    assert look(matcher, list(chain(*pairs)))[0].verdict is Verdict.MAYBE


def test_in_one_long_window_a_value_is_looked_for_as_far_as_the_next_address(
    matcher: FingerprintMatcher,
) -> None:
    pairs = zip(ROWS[:8], strangers(8), strict=True)
    beside = "\0".join(f"{row[EMAIL]}\0{row[INCOME]}\0{who}" for row, who in pairs)
    assert look(matcher, [beside])[0].verdict is Verdict.COPY
    pairs = zip(ROWS[:8], strangers(8), strict=True)
    apart = "\0".join(f"{row[EMAIL]}\0{who}\0{row[INCOME]}\0z{who}" for row, who in pairs)
    assert look(matcher, [apart])[0].verdict is Verdict.MAYBE


def test_in_one_long_window_words_are_an_addresss_within_so_many_bytes(
    matcher: FingerprintMatcher,
) -> None:
    for gap, copy in ((400, True), (700, False)):
        window = "\0".join(f"{row[EMAIL]}{'.' * gap}{words(row[COMMENT], 9)}" for row in ROWS[:5])
        assert (look(matcher, [window])[0].verdict is Verdict.COPY) == copy


def test_texts_and_values_beside_addresses_are_both_asked_for(matcher: FingerprintMatcher) -> None:
    """Each has too little: two rows have a phrase, three the income."""
    rows = ROWS[30:33]
    lines = [
        f"{row[EMAIL]},{row[INCOME]},{words(row[COMMENT], 5) if n else text()}"
        for n, row in enumerate(rows)
    ]
    assert look(matcher, lines)[0].verdict is Verdict.COPY
    assert look(matcher, lines[:1])[0].verdict is Verdict.MAYBE


def test_names_are_not_read_across_rows(matcher: FingerprintMatcher) -> None:
    """A row that has a name of its own does not go on with that of the row before."""
    first, last = ROWS[40][NAME].split()
    lines = [f"17,{first}", f"18,{last} {ROWS[41][NAME].split()[1]}"]
    assert look(matcher, lines)[0].signs.names == look(matcher, [lines[1]])[0].signs.names + 1
    rows = ROWS[15:45]
    ordered = [f"{row[INCOME]},{row[NAME]}" for row in rows]
    found, classes = look(matcher, ordered)
    assert (found.verdict, found.records, classes) == (Verdict.COPY, 30, TRACE * 30)


@pytest.mark.parametrize("beside", ["s1@strangers.example", "x9y8z7w6-000"])
def test_names_and_numbers_count_for_nothing_beside_what_others_are_known_by(
    tmp_path: Path, beside: str
) -> None:
    rows = [(f"a{n:07}-{n % 7:03}", *row[1:]) for n, row in enumerate(ROWS)]
    path = tmp_path / "fingerprint"
    columns = ("code", "email", "full_name", "income", "mood", "comment")
    enrol([Table(columns, rows)], roles={"code": Role.PRIVATE}, key=KEY, path=path)
    matcher = FingerprintMatcher(path, KEY)
    lines = some(20, NAME, INCOME)
    assert look(matcher, lines)[0].verdict is Verdict.COPY
    found, _ = look(matcher, [f"{beside},{line}" for line in lines])
    assert (found.verdict, found.trace) == (Verdict.MAYBE, 0)


def test_texts_count_for_nothing_beside_what_others_are_known_by(
    matcher: FingerprintMatcher,
) -> None:
    named = [f"{row[NAME]}: {words(row[COMMENT], 6)}" for row in ROWS[:5]]
    halves = [
        part for row in ROWS[:5] for part in (words(row[COMMENT], 9), row[COMMENT].split(" ", 5)[5])
    ]
    for lines in (named, halves):
        assert look(matcher, lines)[0].verdict is Verdict.COPY
        beside = [f"{who} {line}" for who, line in zip(strangers(10), lines, strict=False)]
        assert look(matcher, beside)[0].verdict in {None, Verdict.MAYBE}


def test_a_few_phrases_beside_names_are_held_to_how_many_there_are(
    matcher: FingerprintMatcher,
) -> None:
    own = [f"{row[NAME]}: {words(row[COMMENT], 5)}" for row in ROWS[:3]]
    lists = [f"{row[NAME]}: {n}" for n, row in enumerate(random.Random(3).sample(ROWS, 90))]
    assert look(matcher, [*own, *lists])[0].verdict is Verdict.COPY
    others = [f"{line} {words(ROWS[-n][COMMENT], 5)}" for n, line in enumerate(lists, 1)]
    assert look(matcher, [*own, *others])[0].verdict is Verdict.MAYBE
    apart = [part for line in own for part in line.split(": ")]
    assert look(matcher, [*apart, *lists])[0].verdict is Verdict.MAYBE


def test_what_one_record_in_twenty_would_confirm_is_no_trace(tmp_path: Path) -> None:
    """The holding is a copy, for nothing like it comes by chance; but no row of it is claimed."""
    rows = [(f"q{n}@x.example", str(12_000 + 1_000 * (n % 20))) for n in range(200)]
    path = tmp_path / "fingerprint"
    roles = {"email": Role.PERSON, "income": Role.QUASI}
    enrol([Table(("email", "income"), rows)], roles=roles, key=KEY, path=path)
    lines = [",".join(row) for row in random.Random(1).sample(rows, 40)]
    found, classes = look(FingerprintMatcher(path, KEY), lines)
    assert (found.verdict, found.matched, classes) == (Verdict.COPY, 0, PERSON * 40)


def test_among_namesakes_a_copy_is_told_and_no_row_of_it_claimed(
    matcher: FingerprintMatcher,
) -> None:
    chance = random.Random(2)
    lines = some(20, NAME, INCOME)
    namesakes = [f"{row[NAME]},{chance.choice(ROWS)[INCOME]}" for row in ROWS[:200]]
    found, classes = look(matcher, [*lines, *namesakes])
    assert (found.verdict, found.matched, found.others) == (Verdict.COPY, 0, 220)
    assert (found.promoted, found.records) == (False, 0)
    assert RecordClass.RECORD not in classes
    few = some(7, NAME, INCOME)
    found, _ = look(matcher, [*few, *namesakes])
    assert (found.verdict, found.matched) == (Verdict.LIKELY, 0)


def test_where_only_deleted_rows_tell_of_a_copy_among_others_its_others_are_not_none(
    matcher: FingerprintMatcher, tmp_path: Path
) -> None:
    """What is deleted is nobody's record any more, but all of these may have been others'."""
    chance = random.Random(2)
    own = [(row[NAME], row[INCOME]) for row in ROWS[:20]]
    strange = [(row[NAME], chance.choice(ROWS)[INCOME]) for row in ROWS[20:60]]
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE answers (name TEXT, income TEXT)")
        database.executemany("INSERT INTO answers VALUES (?, ?)", [*own, *strange])
        database.commit()
        database.execute("DELETE FROM answers WHERE rowid > 0")
        database.commit()
    reading = examine_stream(io.BytesIO((tmp_path / "a.db").read_bytes()), matcher)
    found = reading.evidence
    assert (found.verdict, found.matched, found.records) == (Verdict.COPY, 0, 0)
    assert reading.foreign_records is None


def test_beside_a_certain_record_names_and_numbers_count_for_nothing(
    matcher: FingerprintMatcher,
) -> None:
    certain = f"{ROWS[7][EMAIL]},{ROWS[7][COMMENT]}"
    for column in (NAME, ID):
        found, _ = look(matcher, [certain, *some(20, column, INCOME)])
        assert (found.verdict, found.matched, found.records) == (Verdict.COPY, 1, 1)


def test_passages_of_others_beside_names_leave_nothing_to_be_taken_out(
    matcher: FingerprintMatcher,
) -> None:
    own = [f"{row[NAME]}: {row[COMMENT]}" for row in ROWS[:9]]
    found, _ = look(matcher, own)
    assert (found.verdict, found.matched) == (Verdict.COPY, 9)
    mixed = [f"{row[NAME]}: {words(ROWS[n][COMMENT], 6)}" for n, row in enumerate(ROWS[100:150])]
    found, _ = look(matcher, [*own, *mixed])
    assert (found.verdict, found.matched) == (Verdict.COPY, 0)


def test_what_is_true_of_a_person_anywhere_confirms_nothing(tmp_path: Path) -> None:
    chance = random.Random(6)
    for column, copy in (("shoe_code", True), ("date_of_birth", False), ("ethnicity", False)):
        rows = [(f"q{n}@x.example", str(chance.randrange(10**4, 10**5))) for n in range(200)]
        path = tmp_path / column
        roles = {"email": Role.PERSON, column: Role.QUASI}
        enrol(
            [
                Table(
                    (
                        "email",
                        column,
                    ),
                    rows,
                )
            ],
            roles=roles,
            key=KEY,
            path=path,
        )
        found, _ = look(FingerprintMatcher(path, KEY), [",".join(row) for row in rows[:40]])
        assert (found.verdict is Verdict.COPY) == copy


def test_a_mailing_list_is_no_copy_however_much_it_shares(matcher: FingerprintMatcher) -> None:
    everybody = [f"{row[NAME]} <{row[EMAIL]}>, member since {n % 9}" for n, row in enumerate(ROWS)]
    found, classes = look(matcher, everybody)
    assert (found.verdict, found.matched, classes) == (Verdict.LIKELY, 0, PERSON * len(ROWS))
    random.Random(1).shuffle(everybody)
    assert look(matcher, everybody)[0].verdict is Verdict.MAYBE


def test_strangers_are_foreign(matcher: FingerprintMatcher) -> None:
    found, classes = look(matcher, [f"{who},{text()}" for who in strangers(30)])
    assert (found.verdict, classes) == (None, FOREIGN * 30)
