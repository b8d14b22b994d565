"""What a run on the demo's world publishes or keeps has no value, path, key or table of it.

Looked for are all of them, in plain text, hexadecimal, base64 at each of the three alignments, and
as unsalted hashes: a digest of an e-mail address is as good as the address.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME
from demo.world import World

pytestmark = [pytest.mark.slow, pytest.mark.needs("openssl")]

RECORDS = 6000  # the least of which the demo's every place gets some
GRAM = 6  # bytes; shorter values would be found by chance
HASHES = ("md5", "sha1", "sha256", "sha512", "blake2b")


def spellings(value: bytes) -> Iterator[bytes]:
    """The ways in which a value may stand somewhere without a salt."""
    yield from (
        value,
        value.lower(),
        value.upper(),
        value.hex().encode(),
        value.hex().upper().encode(),
    )
    for alignment in range(3):
        # The characters that depend on what stands before and after are cut off.
        encoded = base64.b64encode(b"\0" * alignment + value)
        first = -(-alignment * 4 // 3)
        whole = encoded[first : (alignment + len(value)) * 4 // 3]
        yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))
    yield json.dumps(value.decode("utf-8", "replace"))[1:-1].encode()
    for each in {value, value.lower(), value + b"\n"}:
        digests = [hashlib.new(name, each).digest() for name in HASHES]
        for digest in (*digests, hashlib.blake2b(each, digest_size=32).digest()):
            yield from (digest, digest.hex().encode(), base64.b64encode(digest).rstrip(b"="))


class Haystack:
    """Texts to look through for very many needles: a needle's beginning is looked up first."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._grams = {text[n : n + GRAM] for text in texts.values() for n in range(len(text))}

    def found(self, values: Iterable[bytes]) -> list[str]:
        hits = []
        for value in values:
            for needle in spellings(value):
                if len(needle) < GRAM or needle[:GRAM] not in self._grams:
                    continue
                hits += [
                    f"{value!r} in {name}" for name, text in self._texts.items() if needle in text
                ]
        return hits


def unwrapped(bundle: bytes) -> Iterator[tuple[str, bytes]]:
    """A bundle and whatever is encoded in it."""
    yield "bundle", bundle
    value = json.loads(bundle)
    for part in ("plan", "result"):
        envelope = base64.b64decode(value[part]["envelope"])
        yield f"{part}'s envelope", envelope
        yield f"{part}'s statement", base64.b64decode(json.loads(envelope)["payload"])
        for n, token in enumerate(value[part]["timestamps"]):
            yield f"{part}'s timestamp {n}", base64.b64decode(token)


@dataclass(frozen=True)
class Ran:
    """A run that is over: what was in the world, and what it left behind, in its folder too."""

    values: list[bytes]
    locators: list[bytes]
    place: Path
    said: dict[str, bytes]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("run")
    with (
        PostgresServer(folder / "pg") as postgres,
        SeaweedFS(folder / "s3") as s3,
        TimestampAuthority(folder / "tsa") as tsa,
    ):
        place = folder / "place"
        place.mkdir()
        world = World.plant(place, postgres, s3, count=RECORDS)
        planted = locators(world)
        (place / "shredder.toml").write_text(
            'controller = "Demonstration Ltd"\n\n' + world.configuration([tsa.url])
        )
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
        environment |= world.environment(secrets)
        said: dict[str, bytes] = {}
        destroy = [
            "destroy",
            NAME,
            "--yes",
            "--include",
            "likely",
            "--dismiss",
            "maybe",
            "--json",
            "--log-json",
            "log",
        ]
        for words in (["init"], ["enroll", NAME], destroy):
            done = subprocess.run(
                [Path(sys.executable).with_name("shredder"), *words],
                cwd=place, env=environment, capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr.decode()
            said[f"what {words[0]} said"] = done.stdout
            said[f"{words[0]}'s standard error"] = done.stderr
        said["destroy's log"] = (place / "log").read_bytes()
        yield Ran(values(world), planted, place, said)


def values(world: World) -> list[bytes]:
    fields = {field for row in world.survey for field in row}
    return sorted(field.encode() for field in fields if len(field) > GRAM)


def locators(world: World) -> list[bytes]:
    """Paths, keys and table names, each whole and by its last part; scopes by their names."""
    found: set[str] = set()
    for held in world.holdings():
        found |= {held.what, held.what.rsplit("/", 1)[-1], held.what.split("/", 1)[-1]}
    found |= {f"{schema}.{table}" for _, schema, table in world.cluster.holdings}
    found |= {key for _, key, _ in world.buckets.holdings}
    found |= {path.name for path in world.trees.holdings}
    # The dataset's label is public, and one of the tables bears it.
    found -= {NAME, NAME.replace("-", "_")}
    return sorted(text.encode("utf-8", "surrogateescape") for text in found if len(text) > GRAM)


def bundles(place: Path) -> dict[str, bytes]:
    found = sorted((place / ".shredder" / "attestations").glob("*.json"))
    assert found, "no attestation was left"
    return {
        f"{path.name}: {name}": text
        for path in found
        for name, text in unwrapped(path.read_bytes())
    }


def test_no_value_and_no_locator_is_in_a_bundle(run: Ran) -> None:
    haystack = Haystack(bundles(run.place))
    assert haystack.found(run.locators) == []
    assert haystack.found(run.values) == []


def test_no_value_and_no_locator_is_logged(run: Ran) -> None:
    """The operator is told the locators, on standard output alone."""
    logs = {name: text for name, text in run.said.items() if not name.startswith("what")}
    assert b"{" in logs["destroy's log"]
    assert Haystack(run.said).found(run.values) == []
    assert Haystack(logs).found(run.locators) == []


def test_no_value_is_in_the_journal(run: Ran) -> None:
    """Nor in any other file of the state, private as they are: only locators have to be kept."""
    journal = run.place / ".shredder" / "journal.sqlite"
    with sqlite3.connect(journal) as connection:
        dump = "\n".join(connection.iterdump()).encode()
    assert b"CREATE TABLE" in dump
    state = (run.place / ".shredder").rglob("*")
    texts = {
        path.name: path.read_bytes() for path in state if path.is_file() and path.stat().st_size
    }
    assert Haystack({**texts, "journal": dump}).found(run.values) == []


def test_the_search_finds_every_spelling() -> None:
    """Otherwise nothing would have been shown."""
    value = b"adele.xu.17@example.org"
    for n in range(3):
        for wrapped in (
            b"x" * n + value + b"yy",
            base64.b64encode(b"x" * n + value + b"yy"),
            base64.urlsafe_b64encode(b"~?~"[:n] + value + b"~?"),
            b"x" + value.hex().encode(),
            *(hashlib.new(name, value).hexdigest().encode() for name in HASHES),
            base64.b64encode(hashlib.sha256(value).digest()),
            value.upper(),
        ):
            assert Haystack({"text": b"a lot of " + wrapped + b" more"}).found([value]), wrapped
    assert Haystack({"text": b"nothing of the kind" * 9}).found([value]) == []
