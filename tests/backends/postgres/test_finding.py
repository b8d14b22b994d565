"""Finding records in whatever Postgres can keep them in, on two versions of it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence

import pytest
from psycopg import sql

from backends.conformance import acquaintances, records, strangers
from backends.contract import CoverageStatus, Finding, Gap, Order, Result, Technique, Unit
from backends.errors import CouldNotTell
from backends.postgres import _catalog
from backends.postgres._definitions import KINDS
from tests.backends.postgres.place import (
    DATASET,
    OPERATOR,
    Place,
    examined,
    holding,
    listing,
    unit,
)

RECORD = records(1)[0]
ID = RECORD.respondent_id
EVIL = "we\"ird; DROP TABLE x;--\n\t\\ é '%s {} $1"


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def test_a_table_whose_name_is_an_attack_is_only_a_name(any_place: Place) -> None:
    any_place.plant("x", strangers(1))
    at = any_place.plant(EVIL, records(3))
    with any_place.store() as store:
        found = holding(store, at)
    assert (3, 0) == (found.records, found.foreign_records)
    assert 1 == len(any_place.rows("x"))


def test_a_schema_whose_name_is_an_attack_is_only_a_name(any_place: Place) -> None:
    any_place.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(EVIL)))
    at = any_place.plant("t", records(3), schema=EVIL)
    with any_place.store() as store:
        assert 3 == holding(store, at).records


# What stands in a column of some type, and how it is written; %s takes the record's id.
TYPES = {
    "text": ("text", "'%s'"),
    "uuid": ("uuid", "'%s'"),
    "varchar": ("varchar(80)", "'id=%s'"),
    "char": ("char(80)", "'%s'"),
    "after-newline": ("text", r"E'one\n%s'"),
    "after-tab": ("text", r"E'one\t%s'"),
    "after-backslash": ("text", r"E'C:\\%s'"),
    "json": ("json", """'{"a": ["x\\n%s"]}'"""),
    "jsonb": ("jsonb", """'{"a": {"b": "%s\\tnext"}}'"""),
    "json-escapes": ("json", """'{"a": "\\u00e9\\u0020\\u003d%s"}'"""),
    "json-in-text": ("text", """'{"a": "x\\r\\n%s"}'"""),
    "json-key": ("jsonb", """'{"%s": 1}'"""),
    "text-array": ("text[]", """ARRAY['a "quoted" one', '%s', NULL]"""),
    "uuid-array": ("uuid[]", "ARRAY['%s']::uuid[]"),
    "newline-in-array": ("text[]", r"ARRAY[E'one\n%s']"),
    "json-array": ("json[]", """ARRAY['{"a": "x\\n%s"}']::json[]"""),
    "xml": ("text", "'<a b=\"%s\"/>'"),
    "bytea": ("bytea", "'id %s'::bytea"),
    "bytea-after-bytes": ("bytea", r"'\xff0a00'::bytea || '%s'::bytea"),
    "bytea-array": ("bytea[]", r"ARRAY['\xff0a'::bytea || '%s'::bytea]"),
    "composite": ("pair", "ROW(1, '%s', NULL)::pair"),
    "composite-array": ("pair[]", "ARRAY[ROW(1, 'a,b', '%s')]::pair[]"),
    "enum": ("mood", "'%s'"),
    "domain": ("code", "'%s'"),
    "range": ("textrange", "textrange('%s', NULL)"),
    "tsvector": ("tsvector", "array_to_tsvector(ARRAY['%s'])"),
    "name": ("name", "'%s'"),
}


def test_a_record_is_found_in_any_type(any_place: Place) -> None:
    any_place.sql("CREATE TYPE pair AS (a int, b text, c text)")
    any_place.sql(f"CREATE TYPE mood AS ENUM ('{ID}', 'other')")
    any_place.sql("CREATE DOMAIN code AS text CHECK (value <> '')")
    any_place.sql("CREATE TYPE textrange AS RANGE (subtype = text)")
    for case, (kind, value) in TYPES.items():
        any_place.sql(f'CREATE TABLE "{case}" (n int, v {kind})')
        any_place.sql(f'INSERT INTO "{case}" VALUES (1, NULL), (2, {value.replace("%s", ID)})')
    with any_place.store() as store:
        found = {
            entry.locator: [held.records for held in store.examine(entry, DATASET).holdings]
            for entry in listing(store, any_place)
            if isinstance(entry, Unit)
        }
    assert {any_place.locator(case): [1] for case in TYPES} == found


def test_a_generated_column_and_a_dropped_one_do_no_harm(any_place: Place) -> None:
    any_place.sql(
        "CREATE TABLE t (gone text, a text, b text GENERATED ALWAYS AS (upper(a)) STORED)"
    )
    any_place.sql("ALTER TABLE t DROP COLUMN gone")
    any_place.sql("INSERT INTO t (a) VALUES (%s), (NULL)", ID)
    with any_place.store() as store:
        assert 1 == holding(store, any_place.locator("t")).records


def test_a_virtual_generated_column_is_read(new_place: Place) -> None:
    new_place.sql("CREATE TABLE t (a text, b text GENERATED ALWAYS AS (reverse(a)) VIRTUAL)")
    new_place.sql("INSERT INTO t (a) VALUES (%s)", ID[::-1])
    with new_place.store() as store:
        assert 1 == holding(store, new_place.locator("t")).records


def test_a_value_of_some_megabytes_is_read_to_its_end(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (v text)")
    any_place.sql("INSERT INTO t SELECT repeat('lorem ipsum ', 300000) || %s::text", ID)
    with any_place.store() as store:
        result = examined(store, any_place.locator("t"))
    assert 1 == result.holdings[0].records
    assert result.bytes_read > 3_600_000


def test_tables_without_rows_or_columns_are_examined(any_place: Place) -> None:
    any_place.sql("CREATE TABLE empty (a text)")
    any_place.sql("CREATE TABLE bare ()")
    any_place.sql("INSERT INTO bare DEFAULT VALUES")
    with any_place.store() as store:
        for name, rows in (("empty", 0), ("bare", 1)):
            result = examined(store, any_place.locator(name))
            assert ((), None, rows) == (result.holdings, result.gap, result.records_read)


def test_every_leaf_partition_is_a_unit_and_the_parent_is_none(any_place: Place) -> None:
    any_place.sql("CREATE TABLE p (respondent_id uuid, email text) PARTITION BY LIST (email)")
    any_place.sql("CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a@x.example')")
    any_place.sql("CREATE TABLE p_rest PARTITION OF p DEFAULT")
    any_place.sql("INSERT INTO p VALUES (%s, 'a@x.example')", ID)
    with any_place.store() as store:
        kinds = {e.locator: e.kind for e in listing(store, any_place) if isinstance(e, Unit)}
        leaf, rest = (any_place.locator(name) for name in ("p_a", "p_rest"))
        assert {leaf: "partition", rest: "partition"} == kinds
        assert 1 == holding(store, leaf).records
        assert () == examined(store, rest).holdings


def test_an_inheriting_table_s_rows_are_counted_once(any_place: Place) -> None:
    parent = any_place.plant("parent", strangers(2))
    any_place.sql("CREATE TABLE child () INHERITS (parent)")
    any_place.fill("child", records(2))
    with any_place.store() as store:
        assert () == examined(store, parent).holdings
        assert 2 == holding(store, any_place.locator("child")).records


def test_a_materialised_view_is_a_holding_by_itself(any_place: Place) -> None:
    any_place.plant("base", records(4))
    any_place.sql("CREATE MATERIALIZED VIEW seen AS SELECT * FROM base")
    any_place.sql("CREATE MATERIALIZED VIEW unseen AS SELECT * FROM base WITH NO DATA")
    with any_place.store() as store:
        found = holding(store, any_place.locator("seen"))
        assert ("materialised-view", 4) == (found.kind, found.records)
        assert Technique.REFRESH_VIEW is found.whole
        assert ((), 0) == (
            (result := examined(store, any_place.locator("unseen"))).holdings,
            result.records_read,
        )


def test_a_large_object_is_read_as_any_text_is(any_place: Place) -> None:
    head = ("respondent_id", "email", "answer")
    first = (*RECORD[:2], "an answer\nof two lines")
    text = as_csv([head, first, *records(3)[1:], *strangers(2)])
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", text.encode())
    with any_place.store() as store:
        found = holding(store, f"{any_place.name}/pg_largeobject:{oid}")
    assert ("large-object", 3, 2) == (found.kind, found.records, found.foreign_records)
    assert len(text) == found.size


def test_a_compressed_large_object_is_opened(any_place: Place) -> None:
    content = gzip.compress(as_csv(records(3)).encode())
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", content)
    with any_place.store() as store:
        found = holding(store, f"{any_place.name}/pg_largeobject:{oid}")
    assert (3, 0) == (found.records, found.foreign_records)


def test_a_large_object_beyond_one_chunk_is_read_to_its_end(any_place: Place) -> None:
    content = b"x" * 3_000_000 + b"\n" + ID.encode() + b" end"
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", content)
    with any_place.store() as store:
        found = holding(store, f"{any_place.name}/pg_largeobject:{oid}")
    assert (1, len(content)) == (found.records, found.size)


def test_compressed_content_is_opened(any_place: Place) -> None:
    packed = gzip.compress(ID.encode())
    any_place.sql("CREATE DOMAIN blob AS bytea")
    any_place.sql("CREATE TABLE t (n int, v bytea, w blob)")
    any_place.sql("INSERT INTO t VALUES (1, %s, 'x'), (2, 'y', %s)", packed, packed)
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", packed)
    with any_place.store() as store:
        for at in (any_place.locator("t"), f"{any_place.name}/pg_largeobject:{oid}"):
            found = examined(store, at)
            assert found.gap is None
            assert [1] == [each.records for each in found.holdings]
        in_rows = holding(store, any_place.locator("t"))
        assert (None, "several-records-in-a-value") == (in_rows.foreign_records, in_rows.obstacle)


def test_content_that_cannot_be_opened_is_a_gap_and_never_clean(any_place: Place) -> None:
    sealed = b"age-encryption.org/v1\n\x00\x01" + bytes(range(200))
    any_place.sql("CREATE TABLE t (n int, v bytea)")
    any_place.sql("INSERT INTO t VALUES (1, %s)", sealed)
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", sealed)
    with any_place.store() as store:
        for at in (any_place.locator("t"), f"{any_place.name}/pg_largeobject:{oid}"):
            gap = examined(store, at).gap
            assert gap is not None
            assert (CoverageStatus.FAILED, "encrypted") == (gap.status, gap.reason)


def test_compressed_content_deeper_in_a_value_is_a_gap(any_place: Place) -> None:
    packed = gzip.compress(ID.encode())
    any_place.sql("CREATE TABLE t (v bytea[])")
    any_place.sql("INSERT INTO t VALUES (%s)", [b"x", packed])
    with any_place.store() as store:
        assert examined(store, any_place.locator("t")).gap is not None


def _mixed() -> list[dict[str, str]]:
    both = [*records(3), *strangers(3)]
    return [{"id": each.respondent_id, "email": each.email} for each in both]


SEVERAL: dict[str, Callable[[], str | bytes]] = {
    "json": lambda: json.dumps(_mixed()),
    "jsonb": lambda: json.dumps(_mixed()),
    "text": lambda: json.dumps(_mixed(), indent=2),
    "varchar": lambda: "\n".join(json.dumps(each) for each in _mixed()),
    "character varying": lambda: (
        "<a>" + "".join(f"<r>{each['id']}</r>" for each in _mixed()) + "</a>"
    ),
    "bytea": lambda: as_csv([tuple(each.values()) for each in _mixed()]).encode(),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_value_with_many_records_is_not_told_as_one_unmixed_record(
    any_place: Place, kind: str
) -> None:
    any_place.sql(f"CREATE TABLE t (n int, v {kind})")
    any_place.sql("INSERT INTO t VALUES (1, %s)", SEVERAL[kind]())
    with any_place.store() as store:
        found = holding(store, any_place.locator("t"))
        assert (3, None) == (found.records, found.foreign_records)
        assert (None, "several-records-in-a-value") == (found.partial, found.obstacle)
        for technique in (Technique.DELETE_ROWS, Technique.TRUNCATE):
            (outcome,) = store.destroy([Order("1", found, technique, whole=False)], DATASET)
            assert (Result.FAILED, "foreign-records-inside") == (outcome.result, outcome.reason)
        assert 1 == len(any_place.rows("t"))
        (outcome,) = store.destroy([Order("2", found, Technique.TRUNCATE, whole=True)], DATASET)
        assert Result.DESTROYED is outcome.result


def test_a_comment_of_several_lines_is_one_record(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (id text, v text)")
    any_place.sql("INSERT INTO t VALUES (%s, %s)", ID, "well, yes\nand no\n\nperhaps, or, not")
    with any_place.store() as store:
        assert 0 == holding(store, any_place.locator("t")).foreign_records


def test_a_file_in_a_row_keeps_what_is_not_the_whole_from_destruction(any_place: Place) -> None:
    packed = gzip.compress("\n".join(each.respondent_id for each in records(9)).encode())
    any_place.sql("CREATE TABLE t (n int, v bytea)")
    any_place.sql("INSERT INTO t VALUES (1, %s), (2, 'other')", packed)
    with any_place.store() as store:
        found = holding(store, any_place.locator("t"))
        assert (9, None) == (found.records, found.foreign_records)
        (outcome,) = store.destroy([Order("1", found, Technique.TRUNCATE, whole=False)], DATASET)
        assert "foreign-records-inside" == outcome.reason
        order = Order("2", found, Technique.TRUNCATE, whole=True)
        (looked,) = store.verify([order], DATASET)
        assert Finding.RESIDUE is looked.finding
        (outcome,) = store.destroy([order], DATASET)
        assert Result.DESTROYED is outcome.result
        (looked,) = store.verify([order], DATASET)
        assert Finding.ABSENT is looked.finding


def gaps(place: Place, user: str = "postgres", **settings: object) -> dict[str, tuple[str, str]]:
    with place.store(user, **settings) as store:
        return {
            entry.locator: (entry.status.value, entry.reason)
            for entry in listing(store, place)
            if isinstance(entry, Gap)
        }


def test_a_foreign_table_is_excluded_by_name(any_place: Place) -> None:
    any_place.sql("CREATE FOREIGN DATA WRAPPER far")
    any_place.sql("CREATE SERVER away FOREIGN DATA WRAPPER far")
    any_place.sql("CREATE FOREIGN TABLE there (a text) SERVER away")
    assert {any_place.locator("there"): ("excluded", "foreign-table")} == gaps(any_place)


def test_another_session_s_temporary_table_is_a_gap(any_place: Place) -> None:
    any_place.sql("CREATE TEMPORARY TABLE mine AS SELECT %s::text", ID)
    ((reason,),) = [[reason for _, reason in gaps(any_place).values()]]
    assert "temporary-table" == reason


def test_a_table_that_may_not_be_read_is_a_gap(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t AS SELECT %s::text", ID)
    assert {any_place.locator("t"): ("failed", "access-denied")} == gaps(any_place, OPERATOR)


def test_a_schema_that_may_not_be_entered_is_a_gap(any_place: Place) -> None:
    any_place.sql("CREATE SCHEMA closed")
    any_place.sql("CREATE TABLE closed.t AS SELECT %s::text", ID)
    any_place.sql(f"GRANT SELECT ON closed.t TO {OPERATOR}")
    expected = {any_place.locator("t", "closed"): ("failed", "access-denied")}
    assert expected == gaps(any_place, OPERATOR)


def test_a_row_policy_makes_a_gap_and_hides_nothing_in_silence(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    any_place.sql("ALTER TABLE t OWNER TO postgres")
    any_place.sql(f"GRANT SELECT ON t TO {OPERATOR}")
    any_place.sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    assert {at: ("failed", "row-level-security")} == gaps(any_place, OPERATOR)
    assert {} == gaps(any_place)


def test_a_row_policy_that_comes_after_the_listing_hides_nothing(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store(OPERATOR) as store:
        listed = unit(store, at)
        any_place.sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        any_place.sql("ALTER TABLE t FORCE ROW LEVEL SECURITY")
        with pytest.raises(CouldNotTell) as caught:
            store.examine(listed, DATASET)
    assert "access-denied" == caught.value.code


def test_what_the_operator_excludes_is_named(any_place: Place) -> None:
    any_place.sql("CREATE SCHEMA audit")
    at = any_place.plant("t", records(1), schema="audit")
    any_place.plant("t", records(1))
    assert {at: ("excluded", "excluded-by-setting")} == gaps(any_place, exclude=["audit.*"])


def test_a_large_object_that_may_not_be_read_is_an_error(any_place: Place) -> None:
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", ID.encode())
    with any_place.store(OPERATOR) as store:
        listed = unit(store, f"{any_place.name}/pg_largeobject:{oid}")
        with pytest.raises(CouldNotTell) as caught:
            store.examine(listed, DATASET)
    assert "access-denied" == caught.value.code


def test_databases_that_cannot_be_entered_have_a_problem(any_place: Place) -> None:
    other = f"{any_place.name}_closed"
    any_place.sql(f"CREATE DATABASE {other}")
    try:
        settings = {"databases": [f"{any_place.name}*"]}
        with any_place.store(OPERATOR, **settings) as store:
            assert {any_place.name: "", other: ""} == {s.name: s.problem for s in store.scopes()}
            any_place.sql(f"REVOKE CONNECT ON DATABASE {other} FROM public")
            assert "access-denied" == {s.name: s.problem for s in store.scopes()}[other]
            any_place.sql(f"ALTER DATABASE {other} ALLOW_CONNECTIONS false")
            assert "connections-not-allowed" == {s.name: s.problem for s in store.scopes()}[other]
            assert all(scope.as_of for scope in store.scopes())
    finally:
        any_place.sql(f"DROP DATABASE {other}")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_in_another_encoding_is_read(any_place: Place, encoding: str) -> None:
    other = f"{any_place.name}_encoded"
    any_place.sql(f"CREATE DATABASE {other} ENCODING '{encoding}' TEMPLATE template0")
    try:
        with any_place.connect(other) as connection:
            connection.execute("CREATE TABLE t (a text)")
            connection.execute("INSERT INTO t VALUES (%s)", [f"x {ID}"])
        with any_place.store(databases=[other]) as store:
            assert 1 == holding(store, f"{other}/public.t").records
    finally:
        any_place.sql(f"DROP DATABASE {other}")


def test_a_listing_of_many_pages_is_complete(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_catalog, "PAGE", 3)
    tables = {any_place.plant(f"t{n}", []) for n in range(7)}
    objects = {
        f"{any_place.name}/pg_largeobject:{any_place.sql('SELECT lo_from_bytea(0, %s)', b'x')[0][0]}"
        for _ in range(7)
    }
    with any_place.store() as store:
        units = [entry for entry in listing(store, any_place) if isinstance(entry, Unit)]
        assert tables | objects == {entry.locator for entry in units}
        assert sorted(units, key=lambda entry: entry.cursor) == units
        for number, entry in enumerate(units):
            after = [
                u.locator
                for u in store.units(any_place.name, entry.cursor)
                if isinstance(u, Unit) and u.kind not in KINDS
            ]
            assert [u.locator for u in units[number + 1 :]] == after


def test_people_alone_are_no_records(any_place: Place) -> None:
    at = any_place.plant("newsletter", acquaintances(5))
    with any_place.store() as store:
        found = holding(store, at)
    assert ("maybe", 0, 5) == (found.verdict.value, found.records, found.foreign_records)
    assert (None, "no-certain-records") == (found.partial, found.obstacle)


def test_the_version_tells_any_change_and_no_passing_of_time(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store() as store:
        first = holding(store, at).version
        any_place.sql("VACUUM FREEZE t")
        assert first == holding(store, at).version
        any_place.sql("UPDATE t SET answer = answer || '.' WHERE email = %s", RECORD.email)
        second = holding(store, at).version
        any_place.sql("VACUUM FULL t")
        third = holding(store, at).version
    assert 3 == len({first, second, third})


def test_a_bytea_column_makes_no_file_of_a_text_beside_it(any_place: Place) -> None:
    """Answers of several lines, of ours and of others, beside a picture of each."""
    any_place.sql("CREATE TABLE answers (id text, picture bytea, email text, said text)")
    for row in (*records(4), *strangers(3)):
        any_place.sql(
            "INSERT INTO answers VALUES (%s, %s, %s, %s)",
            row.respondent_id, b"\x89PNG\r\n\x1a\n\x00\x01", row.email,
            f"I am {row.email}\nand {row.respondent_id}\nsays so",
        )  # fmt: skip
    with any_place.store() as store:
        found = holding(store, any_place.locator("answers"))
    assert (4, 3) == (found.records, found.foreign_records)
    assert (Technique.DELETE_ROWS, "") == (found.partial, found.obstacle)


def test_a_file_of_lines_in_a_bytea_column_is_looked_into(any_place: Place) -> None:
    any_place.sql("CREATE TABLE files (gone int, name text, content bytea)")
    any_place.sql("ALTER TABLE files DROP COLUMN gone")  # it keeps its number
    content = as_csv([*records(5), *strangers(2)])
    any_place.sql("INSERT INTO files VALUES ('a.csv', %s)", content.encode())
    with any_place.store() as store:
        found = holding(store, any_place.locator("files"))
    assert (5, None) == (found.records, found.foreign_records)
    assert (None, "several-records-in-a-value") == (found.partial, found.obstacle)
