"""The key store `pkcs11`, on SoftHSM: a real PKCS#11 module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding
from shredder import durable, values
from shredder.keystores import (
    KeyDestroyed,
    KeyRecord,
    KeyState,
    KeyStore,
    NotErasable,
    StoreDamaged,
    Wrapping,
)
from shredder.keystores.errors import KeyStoreError, TokenUnusable, WrongPin
from shredder.keystores.token import Token
from shredder.keystores.wrapped import WrappedKeyStore
from tests.keystores.suite import WrappedSuite, created
from tests.support.softhsm import MODULE, PIN, tokens

pytestmark = pytest.mark.needs("softhsm")


class Killed(BaseException):
    pass


class Place:
    """A token of its own, and a folder for the records."""

    def __init__(self, folder: Path) -> None:
        self.records = folder / "keys"
        self.tokens = folder / "tokens"

    def store(
        self, pin: str | None = PIN, label: str = "keys", module: str = MODULE
    ) -> WrappedKeyStore:
        return WrappedKeyStore(Token(module, label, pin), self.records)

    def put(self, record: KeyRecord) -> None:
        (self.records / f"{record.id}.json").write_bytes(values.dumps(record))

    def objects(self) -> int:
        """How many keys the token holds, as it tells by itself."""
        import pkcs11

        with pkcs11.lib(MODULE).get_token(token_label="keys").open(user_pin=PIN) as session:
            return len(list(session.get_objects()))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with tokens(tmp_path, "keys", "spare"):
        yield Place(tmp_path)


class TestToken(WrappedSuite):
    @pytest.fixture
    def store(self, place: Place) -> KeyStore:
        self.place = place
        return place.store()

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.place.store()

    def folder(self) -> Path:
        return self.place.records

    def put(self, record: KeyRecord) -> None:
        self.place.put(record)


def key_of(store: KeyStore, record: KeyRecord) -> bytes:
    with store.using(record.id) as key:
        return bytes(key)


def test_it_claims_no_more_than_it_can_show(place: Place) -> None:
    store = place.store()
    record = created(store)
    assert (store.traits.erased_in_place, store.traits.exportable) == (False, True)
    assert record.wrapping is Wrapping.TOKEN
    done = store.destroy(record.id)
    assert not done.in_place
    assert "token-erase-not-shown" in done.record.limitations
    assert done.numbers == {"token-keys-destroyed": 1}
    assert "wrapped" not in done.record.place


def test_the_tokens_key_was_made_in_it_and_never_leaves(place: Place) -> None:
    import pkcs11
    from pkcs11.exceptions import PKCS11Error

    record = created(place.store())
    with pkcs11.lib(MODULE).get_token(token_label="keys").open(user_pin=PIN) as session:
        found: Any = session.get_key(pkcs11.ObjectClass.SECRET_KEY, id=bytes.fromhex(record.id))
        for told in ("LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE"):
            assert found[pkcs11.Attribute[told]] is True
        with pytest.raises(PKCS11Error):
            found[pkcs11.Attribute.VALUE]


def test_no_file_holds_the_key(place: Place) -> None:
    record = created(place.store())
    key = key_of(place.store(), record)
    for path in (each for each in place.records.parent.rglob("*") if each.is_file()):
        data = path.read_bytes()
        assert key not in data
        assert key.hex().encode() not in data


@pytest.mark.parametrize("pin", [None, "", "1111", "1"])
def test_a_wrong_pin_is_refused_and_alters_nothing(place: Place, pin: str | None) -> None:
    record = created(place.store())
    key = key_of(place.store(), record)
    refusing = place.store(pin)
    for act in (lambda: key_of(refusing, record), lambda: refusing.destroy(record.id)):
        with pytest.raises(WrongPin) as told:
            act()
        assert "SHREDDER_KEYS_PIN" in told.value.hint or "tries" in told.value.hint
        assert not pin or pin not in told.value.message + told.value.hint
    assert refusing.verify(record.id).finding is Finding.INCONCLUSIVE
    assert refusing.inspect(record.id) == ("key-store-unreadable",)
    assert key_of(place.store(), record) == key


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"label": "nowhere"}, "no token has that label"),
        ({"module": "/nowhere/lib.so"}, "cannot be loaded"),
    ],
)
def test_a_token_that_is_not_there(place: Place, how: dict[str, str], words: str) -> None:
    record = created(place.store())
    gone = place.store(**how)
    with pytest.raises(TokenUnusable, match=words):
        key_of(gone, record)
    with pytest.raises(TokenUnusable, match=words):
        gone.destroy(record.id)
    with pytest.raises(TokenUnusable, match=words):
        created(gone, "another")
    assert gone.records() == [record], "no record of a key that was not begun"
    assert gone.verify(record.id).finding is Finding.INCONCLUSIVE


def test_another_token_is_not_taken_for_it(place: Place) -> None:
    record = created(place.store())
    other = place.store(label="spare")
    for act in (lambda: key_of(other, record), lambda: other.destroy(record.id)):
        with pytest.raises(StoreDamaged, match="another token's"):
            act()
    assert other.inspect(record.id) == ("key-store-unreadable",)
    assert other.verify(record.id).finding is Finding.INCONCLUSIVE
    assert place.store().inspect(record.id) == ()


@pytest.mark.parametrize("elsewhere", ["another token", "a file"])
def test_what_was_begun_elsewhere_is_not_called_destroyed(place: Place, elsewhere: str) -> None:
    record = created(place.store(label="spare"), "another")
    begun = replace(record, state=KeyState.MAKING)
    if elsewhere == "a file":
        begun = replace(begun, place={"slot": 0, "blocks": ""})
    place.put(begun)
    created(place.store())
    assert begun in place.store().records()


def test_threads_do_not_log_one_another_out(place: Place) -> None:
    """Logged out, a token shows none of its keys, and one that is there would be called gone."""
    store = place.store()
    record = created(store)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: store.inspect(record.id), range(60)))
    assert set(found) == {()}


def test_what_a_program_does_with_a_key_is_not_taken_for_the_lock(place: Place) -> None:
    store = place.store()
    record = created(store)
    with pytest.raises(BlockingIOError), store.using(record.id):
        raise BlockingIOError


def test_a_key_that_was_deleted_by_hand_is_not_called_destroyed(place: Place) -> None:
    record = created(place.store())
    Token(MODULE, "keys", PIN).destroy(record)
    store = place.store()
    assert store.inspect(record.id) == ("key-not-found",)
    with pytest.raises(StoreDamaged, match="nobody can tell"):
        store.destroy(record.id)
    with pytest.raises(StoreDamaged, match="does not hold"):
        key_of(store, record)


def test_a_token_that_was_put_back_is_refused_and_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pkcs11

    store = place.store()
    record = created(store)
    shutil.copytree(place.tokens, place.tokens.with_name("backup"))
    store.destroy(record.id)
    shutil.rmtree(place.tokens)
    place.tokens.with_name("backup").rename(place.tokens)
    pkcs11.lib(MODULE).reinitialize()
    assert store.inspect(record.id) == ("key-restored",)
    assert store.verify(record.id).finding is Finding.RESIDUE
    with pytest.raises(KeyDestroyed):
        key_of(store, record)

    def killed(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Token, "destroy", killed)
        with pytest.raises(Killed):
            store.destroy(record.id)
    again = store.destroy(record.id)
    assert (again.before, "key-restored" in again.record.limitations) == (False, True)
    assert store.verify(record.id).finding is Finding.ABSENT


@pytest.mark.parametrize("name", ["wrapped", "keeper"])
def test_what_was_altered_in_a_record_is_noticed(place: Place, name: str) -> None:
    store = place.store()
    record = created(store)
    value = str(record.place[name])
    place.put(
        replace(record, place={**record.place, name: ("0" if value[0] != "0" else "1") + value[1:]})
    )
    with pytest.raises(StoreDamaged):
        key_of(store, record)


def test_what_the_token_encrypted_is_bound_to_its_record(place: Place) -> None:
    token, record = Token(MODULE, "keys", PIN), created(place.store())
    data = bytes.fromhex(str(record.place["wrapped"]))
    assert token.unwrap(record, data) == bytearray(key_of(place.store(), record))
    for altered in (replace(record, check="0" * 64), replace(record, public="0" * 64)):
        assert token.unwrap(altered, data) is None


def test_a_token_that_only_says_that_it_destroyed_is_not_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double: SoftHSM does what it is told."""
    record = created(place.store())
    with monkeypatch.context() as patch:
        patch.setattr(Token, "destroy", lambda *_: 1)
        with pytest.raises(StoreDamaged, match="still opens"):
            place.store().destroy(record.id)
    with pytest.raises(KeyDestroyed):
        key_of(place.store(), record)
    assert place.store().verify(record.id).finding is Finding.RESIDUE
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED


def test_the_last_try_of_a_pin_is_not_taken(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A double: SoftHSM locks no PIN. A locked one would end every key that the token wraps."""
    import pkcs11

    record = created(place.store())

    class Tried:
        flags = pkcs11.TokenFlag.USER_PIN_FINAL_TRY | pkcs11.TokenFlag.USER_PIN_COUNT_LOW

        def open(self, **_: object) -> object:
            raise AssertionError("nobody logs in")

    class Library:
        def get_token(self, **_: object) -> Tried:
            return Tried()

    monkeypatch.setattr("pkcs11.lib", lambda _: Library())
    with pytest.raises(WrongPin, match="one try is left"):
        key_of(place.store(), record)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("PinLocked", WrongPin, "locked"),
        ("DeviceRemoved", TokenUnusable, "taken away"),
        ("FunctionFailed", TokenUnusable, "answers FunctionFailed"),
    ],
)
def test_what_other_tokens_answer(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    error: type[KeyStoreError],
    words: str,
) -> None:
    """SoftHSM locks no PIN and cannot be unplugged: a double gives the answers of those that do."""
    import pkcs11.exceptions

    record = created(place.store())

    class Library:
        def get_token(self, **_: object) -> object:
            raise getattr(pkcs11.exceptions, said)

    monkeypatch.setattr("pkcs11.lib", lambda _: Library())
    with pytest.raises(error, match=words):
        key_of(place.store(), record)
    assert place.store().verify(record.id).finding is Finding.INCONCLUSIVE


@pytest.mark.parametrize("step", range(1, 14))
def test_broken_off_anywhere_it_is_brought_to_its_end(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """At each step once, before it and after it; then the same again, as another process."""
    store, count = place.store(), 0

    def broken(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            done = act(*given, **named)
            count += 1
            if count == step:
                raise Killed
            return done

        return acted

    whole = False
    with monkeypatch.context() as patch:
        patch.setattr(Token, "wrap", broken(Token.wrap))
        patch.setattr(Token, "destroy", broken(Token.destroy))
        patch.setattr(durable, "write", broken(durable.write))
        try:
            store.destroy(created(store).id)
            whole = True
        except Killed:
            pass
    assert whole == (step == 13), "the last step is one more than there are"
    again = place.store()
    for record in again.records():
        if record.state is not KeyState.MAKING:
            again.destroy(record.id)
    if not any(each.state is KeyState.LIVE for each in again.records()):
        created(again)
    states = [each.state for each in again.records()]
    assert states.count(KeyState.LIVE) == 1
    assert set(states) <= {KeyState.LIVE, KeyState.DESTROYED}
    assert place.objects() == 1, "never a key without a record, nor one that is called destroyed"


def test_a_token_whose_keys_could_leave_it_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double: SoftHSM keeps its word. This one says of its key that it was not made in it."""
    from pkcs11 import Attribute

    real = Token._session

    class Loose:
        def __init__(self, key: Any) -> None:
            self.key = key

        def __getitem__(self, what: Any) -> Any:
            return False if what is Attribute.NEVER_EXTRACTABLE else self.key[what]

        def destroy(self) -> None:
            self.key.destroy()

    class Session:
        def __init__(self, session: Any) -> None:
            self.session = session

        def generate_key(self, *given: Any, **named: Any) -> Any:
            return Loose(self.session.generate_key(*given, **named))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.session, name)

    from contextlib import contextmanager

    @contextmanager
    def session(self: Token) -> Iterator[Any]:
        with real(self) as found:
            yield Session(found)

    monkeypatch.setattr(Token, "_session", session)
    with pytest.raises(NotErasable):
        created(place.store())
    assert place.objects() == 0


def test_pins_are_the_operators(place: Place) -> None:
    """A PIN that was changed by the token's own tool counts from then on."""
    record = created(place.store())
    import pkcs11

    with pkcs11.lib(MODULE).get_token(token_label="keys").open(user_pin=PIN, rw=True) as session:
        session.set_pin(PIN, "135790")
    with pytest.raises(KeyStoreError):
        key_of(place.store(), record)
    assert len(key_of(place.store("135790"), record)) == 32
