"""Writing a table anew changes nothing that pg_dump could tell, whatever hangs on the table."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from backends.conformance import records, strangers
from backends.contract import Cost, Finding, Order, Result, Store, Technique
from backends.errors import SettingError
from tests.backends.postgres.leftovers import looked, orders
from tests.backends.postgres.place import DATASET, OPERATOR, Place, order, result, verified

# A table that has everything on it, both ways: what hangs on it, and what it hangs on.
EVERYTHING = """
CREATE EXTENSION btree_gist;
CREATE DOMAIN answers AS text CHECK (value <> '');
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE referred (k int PRIMARY KEY);
INSERT INTO referred SELECT generate_series(1, 100);
CREATE TABLE ancestor (k int);
CREATE TABLE t (
  n bigint GENERATED ALWAYS AS IDENTITY,
  respondent_id uuid,
  email text COLLATE "C" NOT NULL,
  answer answers,
  long text,
  packed text COMPRESSION pglz,
  k int REFERENCES referred ON UPDATE CASCADE,
  made text GENERATED ALWAYS AS (lower(email)) STORED,
  during int4range,
  words tsvector,
  PRIMARY KEY (n) INCLUDE (k),
  CONSTRAINT short CHECK (length(email) < 100) NO INHERIT,
  CONSTRAINT apart EXCLUDE USING gist (n WITH =, during WITH &&) WHERE (during IS NOT NULL),
  CONSTRAINT single UNIQUE (n, email) DEFERRABLE INITIALLY DEFERRED
) INHERITS (ancestor) WITH (fillfactor = 90, autovacuum_enabled = false);
CREATE TABLE heir () INHERITS (t);
CREATE TABLE refers (n bigint REFERENCES t);
CREATE INDEX by_email ON t (reverse(email) DESC NULLS LAST) WHERE k > 0;
CREATE INDEX by_hash ON t USING hash (email);
CREATE INDEX by_words ON t USING gin (words);
CREATE INDEX by_range ON t USING gist (during);
CREATE INDEX by_text ON t USING spgist (email);
CREATE INDEX by_block ON t USING brin (n);
CREATE UNIQUE INDEX identity ON t (n, email);
ALTER TABLE t REPLICA IDENTITY USING INDEX identity;
ALTER TABLE t CLUSTER ON identity;
ALTER TABLE t ALTER long SET STORAGE EXTERNAL;
ALTER TABLE t ALTER email SET STATISTICS 500, ALTER email SET (n_distinct = -0.5);
ALTER INDEX by_email ALTER COLUMN 1 SET STATISTICS 300;
CREATE STATISTICS several (ndistinct, dependencies, mcv) ON email, k, answer FROM t;
ALTER STATISTICS several SET STATISTICS 200;
CREATE TRIGGER noticed BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touched();
ALTER TABLE t ENABLE ALWAYS TRIGGER noticed;
CREATE RULE silent AS ON INSERT TO t WHERE new.email = 'never' DO INSTEAD NOTHING;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON t FOR SELECT TO operator USING (k > 0);
CREATE VIEW seen AS SELECT email, made FROM t;
CREATE MATERIALIZED VIEW kept AS SELECT k, count(*) FROM t GROUP BY k;
CREATE PUBLICATION told FOR TABLE t WITH (publish = 'insert, update, delete');
GRANT SELECT (email), UPDATE (answer) ON t TO operator;
GRANT TRUNCATE ON t TO operator WITH GRANT OPTION;
COMMENT ON TABLE t IS 'a table';
COMMENT ON COLUMN t.email IS 'an address';
COMMENT ON CONSTRAINT short ON t IS 'a constraint';
COMMENT ON INDEX by_email IS 'an index';
COMMENT ON TRIGGER noticed ON t IS 'a trigger';
COMMENT ON POLICY readers ON t IS 'a policy';
CREATE TABLE parts (k int, respondent_id uuid, email text, PRIMARY KEY (k, email))
  PARTITION BY LIST (k);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE other_part PARTITION OF parts DEFAULT;
CREATE INDEX on_parts ON parts (email);
"""
FILLED = """
INSERT INTO t (k, respondent_id, email, answer, long, packed, during, words)
VALUES (%s, %s, %s, %s, repeat('x', 3000), repeat('y', 3900), int4range(1, 2), to_tsvector('a b'))
"""
# What pg_dump does not write: oids, dependants, attributes' numbers, privileges as they are kept.
KEPT = """
SELECT c.oid, c.relname, c.reltoastrelid <> 0, c.relkind, c.relreplident, c.reloptions, c.relacl,
       c.relnatts, c.relchecks, c.relhasrules, c.reltablespace, c.relowner,
       (SELECT count(*) FROM pg_depend d WHERE d.refobjid = c.oid),
       (SELECT count(*) FROM pg_depend d WHERE d.objid = c.oid),
       (SELECT array_agg((i.indexrelid, i.indisvalid, i.indisready, i.indisclustered,
                          i.indisreplident) ORDER BY i.indexrelid)
          FROM pg_index i WHERE i.indrelid = c.oid),
       (SELECT array_agg((a.attnum, a.attname, a.attstattarget, a.attstorage, a.attcompression,
                          a.attoptions, a.attisdropped, a.attacl) ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid)
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.oid
"""


def everything(place: Place) -> None:
    place.sql(EVERYTHING)
    ((lz4,),) = place.sql(
        "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name LIKE 'default_toast%%'"
    )
    if lz4:  # the server is built with it
        place.sql("ALTER TABLE t ALTER packed SET COMPRESSION lz4")
    for number, row in enumerate([*records(20), *strangers(20)]):
        place.sql(FILLED, number + 1, *row)
        place.sql("INSERT INTO parts VALUES (1, %s, %s)", row.respondent_id, row.email)
    place.sql("SELECT lo_from_bytea(4711, 'of others')")
    place.plant("others", strangers(20))
    place.sql("ANALYZE")


def state(place: Place) -> tuple[object, ...]:
    statistics = place.sql(
        "SELECT starelid, staattnum, stanumbers1 FROM pg_statistic ORDER BY 1, 2"
    )
    large = place.sql("SELECT lo_get(4711)")
    return place.dump(), place.sql(KEPT), place.rows("t"), statistics, large


def ordered(store: Store, kind: str) -> list[Order]:
    """The orders on holdings of one kind, once all of stage 0 is carried out."""
    planned = orders(looked(store, DATASET, places=False)[0])
    first = [each for each in planned if not each.technique.stage]
    assert {Result.DESTROYED} == {each.result for each in store.destroy(first, DATASET)}
    return [each for each in planned if each.holding.kind == kind]


def nodes(place: Place, *names: str) -> list[int]:
    return [place.sql("SELECT pg_relation_filenode(%s::regclass)", name)[0][0] for name in names]


def test_a_table_with_everything_on_it_is_the_same_afterwards(any_place: Place) -> None:
    everything(any_place)
    with any_place.store(residue=True) as store:
        compact = ordered(store, "pages")
        assert ["part", "t"] == sorted(o.holding.locator.split(".")[-1][:-6] for o in compact)
        assert {Technique.COMPACT} == {each.technique for each in compact}
        before, files = state(any_place), nodes(any_place, "t", "part", "by_email")
        outcomes = store.destroy(compact, DATASET)
    assert {(Result.DESTROYED, "")} == {(each.result, each.reason) for each in outcomes}
    assert not set(files) & set(nodes(any_place, "t", "part", "by_email"))
    assert before == state(any_place)
    assert 20 == len(any_place.rows("t"))


def test_catalogues_are_the_same_afterwards(any_place: Place) -> None:
    everything(any_place)
    with any_place.store(residue=True) as store:
        rewrite = ordered(store, "catalogue-pages")
        assert 2 == len(rewrite)
        before = state(any_place)
        outcomes = store.destroy(rewrite, DATASET)
    assert {(Result.DESTROYED, "")} == {(each.result, each.reason) for each in outcomes}
    assert before == state(any_place)


def test_what_a_rewriting_costs_others_stands_in_the_plan(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    ((size,),) = any_place.sql("SELECT pg_total_relation_size('t')")
    with any_place.store(residue=True) as store:
        (compact,) = ordered(store, "pages")
    assert Cost(exclusive=True, writes=2 * size, seconds=1) == compact.holding.cost


def test_without_the_setting_nothing_of_it_is_offered_or_done(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(residue=True) as store:
        (compact,) = ordered(store, "pages")
    with any_place.store() as store:
        assert [] == [held for held in looked(store, DATASET, places=False)[0] if held.residue]
        assert (Result.FAILED, "technique-not-offered") == result(store, compact)
        assert "(server)" not in [scope.name for scope in store.scopes()]


def test_an_operator_who_wants_no_rewriting_is_told_what_stays(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(residue=True, rewrite="none") as store:
        (held,) = (each for each in looked(store, DATASET, places=False)[0] if each.kind == "pages")
    assert (None, "rewriting-not-wanted") == (held.whole, held.obstacle)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"residue": True, "rewrite": "some"}, "no such way"),
        ({"rewrite": "none"}, "residue is not"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    new_place: Place, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match=said), new_place.store(**more):
        pass


def test_a_lock_is_waited_for_and_no_longer(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(residue=True, lock_timeout_s=1) as store:
        (compact,) = ordered(store, "pages")
        with another(any_place, "LOCK TABLE t IN ACCESS SHARE MODE"):
            assert (Result.FAILED, "lock-timeout") == result(store, compact)
        assert (Result.DESTROYED, "") == result(store, compact)


def test_a_transaction_that_still_sees_the_rows_is_waited_for(any_place: Place) -> None:
    """VACUUM FULL would copy what it can see."""
    any_place.plant("t", [*records(9), *strangers(9)])
    any_place.plant("u", [])
    with any_place.store(residue=True, lock_timeout_s=1) as store:
        with another(any_place, "INSERT INTO u VALUES (NULL, 'x', 'y')"):
            (compact,) = ordered(store, "pages")
            assert (Result.FAILED, "old-transaction") == result(store, compact)
        assert (Result.DESTROYED, "") == result(store, compact)


def test_one_of_a_superuser_s_is_seen_by_who_is_none(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(OPERATOR, residue=True, lock_timeout_s=1) as store:
        with another(any_place, "SELECT pg_current_xact_id()"):
            (compact,) = ordered(store, "pages")
            assert (Result.FAILED, "old-transaction") == result(store, compact)
        assert (Result.DESTROYED, "") == result(store, compact)


def test_rows_that_go_one_by_one_leave_pages_too(any_place: Place) -> None:
    """A foreign key refers to the table, so it cannot be truncated."""
    any_place.plant("t", records(9))
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    any_place.sql("CREATE TABLE refers (id uuid REFERENCES t)")
    any_place.plant("plain", records(9))
    with any_place.store(residue=True) as store:
        (compact,) = ordered(store, "pages")
        assert f"{any_place.name}/public.t:pages" == compact.holding.locator
        assert (Result.DESTROYED, "") == result(store, compact)


def test_one_that_is_old_already_is_told_in_the_plan(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with (
        another(any_place, "SELECT pg_current_xact_id()"),
        any_place.store(residue=True, lock_timeout_s=1) as store,
    ):
        time.sleep(1.1)
        held = [each for each in looked(store, DATASET, places=False)[0] if each.kind == "pages"]
    assert [("old-transaction",)] == [each.limitations for each in held]


def test_a_prepared_transaction_is_an_obstacle(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    any_place.plant("u", [])
    any_place.sql("BEGIN; INSERT INTO u VALUES (NULL, 'x', 'y'); PREPARE TRANSACTION 'kept'")
    try:
        with any_place.store(residue=True, lock_timeout_s=1) as store:
            held = [
                each for each in looked(store, DATASET, places=False)[0] if each.kind == "pages"
            ]
            assert [(None, "prepared-transaction")] == [(h.whole, h.obstacle) for h in held]
            wanted = Order("order-0", held[0], Technique.COMPACT, whole=False)
            any_place.sql("DELETE FROM t WHERE email LIKE 'member%'")
            assert (Result.FAILED, "prepared-transaction") == result(store, wanted)
    finally:
        any_place.sql("ROLLBACK PREPARED 'kept'")


def test_a_table_that_has_its_records_yet_is_not_locked_for_nothing(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(residue=True) as store:
        (compact,) = (
            o for o in orders(looked(store, DATASET, places=False)[0]) if o.holding.kind == "pages"
        )
        (node,) = nodes(any_place, "t")
        assert (Result.FAILED, "records-left") == result(store, compact)
        assert [node] == nodes(any_place, "t")


def test_what_was_rewritten_or_dropped_is_gone_already(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    with any_place.store(residue=True) as store:
        (compact,) = ordered(store, "pages")
        assert (Result.DESTROYED, "") == result(store, compact)
        assert (Result.ALREADY_ABSENT, "") == result(store, compact)
        any_place.sql("DROP TABLE t")
        assert (Result.ALREADY_ABSENT, "") == result(store, compact)
        assert Finding.ABSENT is verified(store, compact).finding


def test_the_owner_may_rewrite_and_who_may_only_delete_is_told(any_place: Place) -> None:
    any_place.plant("t", [*records(9), *strangers(9)])
    any_place.plant("u", [*records(9), *strangers(9)])
    any_place.sql(f"ALTER TABLE u OWNER TO postgres; GRANT SELECT, DELETE ON u TO {OPERATOR}")
    any_place.sql(f"ALTER DATABASE {any_place.name} OWNER TO postgres")
    with any_place.store(OPERATOR, residue=True) as store:
        held = {h.locator: h for h in looked(store, DATASET, places=False)[0]}
        mine, theirs = (held[f"{any_place.name}/public.{name}:pages"] for name in "tu")
        assert (Technique.COMPACT, "") == (mine.whole, mine.obstacle)
        assert (None, "access-denied") == (theirs.whole, theirs.obstacle)
        assert "needs-pg-" in held["pg_wal"].obstacle
        assert DONE == result(store, order(held[f"{any_place.name}/public.t"]))
        assert DONE == result(store, order(mine))


@contextlib.contextmanager
def another(place: Place, statement: str) -> Iterator[None]:
    """Another session's open transaction."""
    with place.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        yield
        connection.execute("ROLLBACK")


DONE = (Result.DESTROYED, "")
