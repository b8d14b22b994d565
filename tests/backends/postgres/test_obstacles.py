"""What stands in the way of destroying in Postgres, and others at work, on two versions."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from backends.conformance import Row, records, strangers
from backends.contract import Finding, Order, Result, Technique
from backends.postgres import _catalog, _undo
from tests.backends.postgres.place import (
    DATASET,
    OPERATOR,
    Place,
    destroyed,
    holding,
    order,
    result,
    verified,
)

DONE = (Result.DESTROYED, "")
GONE = (Result.ALREADY_ABSENT, "")


# --- What stands in the way -----------------------------------------------------------------


def test_rows_that_others_cascade_from_are_not_deleted(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    any_place.sql("CREATE TABLE r (id uuid REFERENCES t ON DELETE CASCADE, foreign_value text)")
    any_place.sql("INSERT INTO r SELECT respondent_id, 'keep' FROM t")
    with any_place.store() as store:
        found = holding(store, at)
        assert (None, None, "foreign-key-action") == (found.whole, found.partial, found.obstacle)
        wanted = Order("order-0", found, Technique.TRUNCATE, whole=False)
        assert (Result.FAILED, "foreign-key-action") == result(store, wanted)
    assert (3, 3) == (len(any_place.rows("t")), len(any_place.rows("r")))


def test_a_cascade_within_the_table_takes_no_row_of_others(any_place: Place) -> None:
    at = any_place.plant("t", [*records(2), *strangers(2)])
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    any_place.sql("ALTER TABLE t ADD boss uuid REFERENCES t ON DELETE CASCADE")
    any_place.sql("UPDATE t SET boss = %s WHERE email LIKE 'other%%'", records(1)[0].respondent_id)
    with any_place.store() as store:
        found = holding(store, at)
        assert (None, "foreign-key-action") == (found.partial, found.obstacle)
        wanted = Order("order-0", found, Technique.DELETE_ROWS, whole=False)
        assert (Result.FAILED, "foreign-key-action") == result(store, wanted)
    assert 4 == len(any_place.rows("t"))


def test_rows_that_refer_to_each_other_go_in_one_statement(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_undo, "_ROWS_AT_ONCE", 2)
    at = any_place.plant("t", [*records(9), *strangers(1)])
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    any_place.sql("ALTER TABLE t ADD boss uuid REFERENCES t")
    any_place.sql(
        "UPDATE t SET boss = (SELECT max(respondent_id::text)::uuid FROM t m WHERE email LIKE 'member%') WHERE email LIKE 'member%'"
    )
    with any_place.store() as store:
        assert DONE == result(store, order(holding(store, at)))
    assert 1 == len(any_place.rows("t"))


def test_rows_that_others_refer_to_are_left_whole(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    any_place.sql("CREATE TABLE r (id uuid REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    any_place.sql("INSERT INTO r VALUES (%s)", records(1)[0].respondent_id)
    with any_place.store() as store:
        wanted = order(holding(store, at))
        assert (Result.FAILED, "foreign-key-reference") == result(store, wanted)
    assert (3, 1) == (len(any_place.rows("t")), len(any_place.rows("r")))


def test_what_refers_goes_before_what_is_referred_to(any_place: Place) -> None:
    parent = any_place.plant("parent", records(3))
    any_place.sql("ALTER TABLE parent ADD PRIMARY KEY (respondent_id)")
    child = any_place.plant("child", records(3))
    any_place.sql("ALTER TABLE child ADD FOREIGN KEY (respondent_id) REFERENCES parent")
    any_place.sql("ANALYZE parent")
    with any_place.store() as store:
        found = [holding(store, at) for at in (parent, child)]
        assert [1, 0] == [held.details["phase"] for held in found]
        orders = [
            Order(f"order-{n}", held, Technique.TRUNCATE, whole=False)
            for n, held in enumerate(found)
        ]
        assert [Result.DESTROYED] * 2 == [o.result for o in store.destroy(orders, DATASET)]
        assert [Finding.ABSENT] * 2 == [answer.finding for answer in store.verify(orders, DATASET)]


TRIGGER = "FOR EACH {} EXECUTE FUNCTION copy_it()"


@pytest.fixture
def spying_table(any_place: Place) -> Iterator[str]:
    """A table with a function that would copy its rows elsewhere."""
    any_place.sql("CREATE TABLE copies (t text)")
    any_place.sql(
        "CREATE FUNCTION copy_it() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO copies VALUES (OLD::text); RETURN OLD; END $$"
    )
    yield any_place.plant("t", records(3))
    assert [] == any_place.rows("copies")


def test_a_trigger_on_deletion_keeps_rows_from_being_deleted(
    any_place: Place, spying_table: str
) -> None:
    any_place.fill("t", strangers(1))
    any_place.sql(f"CREATE TRIGGER spy BEFORE DELETE ON t {TRIGGER.format('ROW')}")
    with any_place.store() as store:
        found = holding(store, spying_table)
        assert (None, "delete-trigger") == (found.partial, found.obstacle)
        wanted = Order("order-0", found, Technique.DELETE_ROWS, whole=False)
        assert (Result.FAILED, "delete-trigger") == result(store, wanted)
    assert 4 == len(any_place.rows("t"))


def test_a_trigger_on_truncation_makes_it_a_deletion(any_place: Place, spying_table: str) -> None:
    any_place.sql(f"CREATE TRIGGER spy BEFORE TRUNCATE ON t {TRIGGER.format('STATEMENT')}")
    with any_place.store() as store:
        assert DONE == result(store, order(holding(store, spying_table)))
    assert [] == any_place.rows("t")


def test_triggers_on_both_leave_no_way(any_place: Place, spying_table: str) -> None:
    any_place.sql(f"CREATE TRIGGER spy BEFORE TRUNCATE ON t {TRIGGER.format('STATEMENT')}")
    any_place.sql(f"CREATE TRIGGER eye BEFORE DELETE ON t {TRIGGER.format('ROW')}")
    with any_place.store() as store:
        found = holding(store, spying_table)
    assert (None, None, "delete-trigger") == (found.whole, found.partial, found.obstacle)


def test_a_trigger_of_the_partitioned_parent_counts(any_place: Place, spying_table: str) -> None:
    any_place.sql("CREATE TABLE p (LIKE t) PARTITION BY LIST (email)")
    any_place.sql(f"CREATE TRIGGER spy AFTER DELETE ON p {TRIGGER.format('ROW')}")
    any_place.fill("t", strangers(1))
    any_place.sql("ALTER TABLE p ATTACH PARTITION t DEFAULT")
    with any_place.store() as store:
        assert "delete-trigger" == holding(store, spying_table).obstacle


def test_a_trigger_that_came_after_the_plan_stops_it(any_place: Place, spying_table: str) -> None:
    any_place.fill("t", strangers(1))
    with any_place.store() as store:
        wanted = order(holding(store, spying_table))
        any_place.sql(f"CREATE TRIGGER spy BEFORE DELETE ON t {TRIGGER.format('ROW')}")
        assert (Result.FAILED, "delete-trigger") == result(store, wanted)
        any_place.sql("ALTER TABLE t DISABLE TRIGGER spy")
        assert DONE == result(store, wanted)


def test_a_rule_on_deletion_is_an_obstacle(any_place: Place) -> None:
    at = any_place.plant("t", [*records(2), *strangers(2)])
    any_place.sql("CREATE TABLE copies (LIKE t)")
    any_place.sql("CREATE RULE spy AS ON DELETE TO t DO ALSO INSERT INTO copies VALUES (OLD.*)")
    with any_place.store() as store:
        found = holding(store, at)
    assert (None, "delete-rule") == (found.partial, found.obstacle)


def test_a_publication_without_replica_identity_is_an_obstacle(any_place: Place) -> None:
    at = any_place.plant("t", [*records(2), *strangers(2)])
    any_place.sql("SET client_min_messages = error")
    any_place.sql("CREATE PUBLICATION everything FOR ALL TABLES")
    with any_place.store() as store:
        found = holding(store, at)
        assert (None, "replica-identity") == (found.partial, found.obstacle)
        any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
        found = holding(store, at)
        assert ("published-to-subscribers",) == found.limitations
        assert "published-to-subscribers" in destroyed(store, order(found)).limitations


def test_an_extension_s_table_is_its_own_business(any_place: Place) -> None:
    at = any_place.plant("t", records(2))
    any_place.sql("ALTER EXTENSION plpgsql ADD TABLE t")
    try:
        with any_place.store() as store:
            found = holding(store, at)
            assert (None, "extension-member") == (found.whole, found.obstacle)
    finally:
        any_place.sql("ALTER EXTENSION plpgsql DROP TABLE t")


def test_a_role_that_may_only_read_is_told_so(any_place: Place) -> None:
    at = any_place.plant("t", records(2))
    any_place.sql("ALTER TABLE t OWNER TO postgres")
    any_place.sql(f"GRANT SELECT ON t TO {OPERATOR}")
    with any_place.store(OPERATOR) as store:
        found = holding(store, at)
        assert (None, None, "access-denied") == (found.whole, found.partial, found.obstacle)
        wanted = Order("order-0", found, Technique.TRUNCATE, whole=False)
        assert (Result.FAILED, "access-denied") == result(store, wanted)
        assert Finding.RESIDUE is verified(store, wanted).finding
    assert 2 == len(any_place.rows("t"))


# --- Others at work -------------------------------------------------------------------------


@contextlib.contextmanager
def another_session(place: Place, *statements: str) -> Iterator[None]:
    """Another session's open transaction."""
    connection = place.connect()
    try:
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement.encode())
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@pytest.mark.parametrize("rows", [records(3), [*records(3), *strangers(2)]], ids=["pure", "mixed"])
def test_a_lock_that_another_holds_is_waited_for_and_no_longer(
    any_place: Place, rows: list[Row]
) -> None:
    at = any_place.plant("t", rows)
    with any_place.store(lock_timeout_s=1) as store:
        wanted = order(holding(store, at))
        with another_session(any_place, "INSERT INTO t VALUES (NULL, 'x', 'y')"):
            assert (Result.FAILED, "lock-timeout") == result(store, wanted)
        assert DONE == result(store, wanted)


def test_a_table_that_is_locked_away_is_not_verified(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store(lock_timeout_s=1) as store:
        wanted = order(holding(store, at))
        assert DONE == result(store, wanted)
        with another_session(any_place, "LOCK TABLE t"):
            answer = verified(store, wanted)
    assert (Finding.INCONCLUSIVE, "lock-timeout") == (answer.finding, answer.reason)


def test_a_renamed_table_is_left_alone(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store() as store:
        wanted = order(holding(store, at))
        any_place.sql("ALTER TABLE t RENAME TO u")
        assert (Result.CHANGED, "") == result(store, wanted)
        assert Finding.RESIDUE is verified(store, wanted).finding
    assert 3 == len(any_place.rows("u"))


def test_a_table_that_takes_the_name_in_mid_work_is_left_alone(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = any_place.plant("t", records(3))
    any_place.plant("u", strangers(3))
    real = _catalog.relation_by_oid

    def late(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        monkeypatch.undo()
        any_place.sql("ALTER TABLE t RENAME TO v; ALTER TABLE u RENAME TO t")
        return found

    with any_place.store() as store:
        wanted = order(holding(store, at))
        monkeypatch.setattr(_undo, "relation_by_oid", late)
        assert (Result.CHANGED, "") == result(store, wanted)
    assert (3, 3) == (len(any_place.rows("t")), len(any_place.rows("v")))


def test_a_restored_table_is_another_one(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store() as store:
        wanted = order(holding(store, at))
        any_place.sql("DROP TABLE t")
        assert GONE == result(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding
        any_place.plant("t", records(3))
        assert (Result.CHANGED, "") == result(store, wanted)
        assert Finding.RESIDUE is verified(store, wanted).finding
    assert 3 == len(any_place.rows("t"))


def test_records_that_were_masked_are_changed_and_not_absent(any_place: Place) -> None:
    at = any_place.plant("t", [*records(3), *strangers(3)])
    with any_place.store() as store:
        wanted = order(holding(store, at))
        any_place.sql(
            "UPDATE t SET respondent_id = gen_random_uuid(), email = 'x' WHERE email LIKE 'member%'"
        )
        assert (Result.CHANGED, "") == result(store, wanted)


def test_a_database_that_was_dropped_is_absent(any_place: Place) -> None:
    other = Place(any_place.server, any_place.scratch)
    at = other.plant("t", records(3))
    with other.store() as store:
        wanted = order(holding(store, at))
        store.close()
        other.drop()
        # The connection named this database, which is gone: nothing is known then.
        assert (Result.FAILED, "unreachable") == result(store, wanted)
    with any_place.store(databases=["*"]) as store:
        assert GONE == result(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding


def test_a_server_that_does_not_sync_is_named(any_place: Place) -> None:
    """The tests' own server has fsync off."""
    at = any_place.plant("t", records(3))
    with any_place.store() as store:
        assert "server-does-not-sync" in destroyed(store, order(holding(store, at))).limitations
