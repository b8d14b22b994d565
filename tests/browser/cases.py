"""Bundles and policies, good and spoilt, that both verifiers must answer alike."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from attestations import (
    Policy,
    RoleThreshold,
    Sealed,
    Signs,
    TimestampRules,
    trusted_key,
)
from attestations.policy import Strangers
from tests.attestations import made
from tests.attestations.forge import END, Certified, Forge, certify
from tests.attestations.judge import timed
from tests.attestations.log import making
from tests.attestations.made import NOW, OPERATOR, WITNESS, at
from tests.browser.beside import beside
from tests.browser.given import FORGE, GOOD, KINDS, TIMED, USAGES, Case, given
from tests.browser.renewals import renewals
from tests.browser.statements import demands, meaning, statements
from tests.browser.trust import trust


def cases() -> list[Case]:
    """The whole corpus; no name stands there twice."""
    every = [
        *_good(), *_files(), *_envelopes(), *_signatures(), *trust(),
        *_tokens(), *renewals(), *_times(), *_logs(), *statements(), *meaning(), *demands(), *beside(),
    ]  # fmt: skip
    assert len({case.name for case in every}) == len(every)
    return every


def _good() -> Iterator[Case]:
    for name, kind in KINDS.items():
        yield given(f"good: {name}", kind.bundle, kind.policy)
    yield given("good: its timestamps are not asked for", GOOD)
    yield given(
        "good: years after the authority's certificate ended",
        GOOD,
        TIMED,
        now=END + timedelta(days=999),
    )
    operators = replace(FORGE.trusted(name="own"), operator_run=True)
    rules = TimestampRules(threshold=1, authorities=(operators,))
    yield given("good: the time is the operator's word", GOOD, made.policy(timestamps=rules))
    yield given("good: witnessed", making.logged(made.bundle()), making.policy())


# --- 1 to 3: files ---


def _files() -> Iterator[Case]:
    data = GOOD.to_bytes()
    for name, spoilt in {
        "empty": b"",
        "a byte order mark": b"\xef\xbb\xbf" + data,
        "UTF-16": data.decode().encode("utf-16"),
        "not UTF-8": data.replace(b'"plan"', b'"pl\xff"', 1),
        "an overlong form": data.replace(b'"plan"', b'"pl\xc0\xa1"', 1),
        "a duplicate key": data.replace(b'{"mediaType"', b'{"plan":1,"mediaType"', 1),
        "a duplicate key by an escape": data.replace(b'{"mediaType"', b'{"pl\\u0061n":1,"mediaType"', 1),
        "a lone surrogate": data.replace(b'{"mediaType"', b'{"\\ud800":1,"mediaType"', 1),
        "a surrogate of two": data.replace(b'{"mediaType"', b'{"\\ud83d\\ude00":1,"mediaType"', 1),
        "a prototype": data.replace(b'{"mediaType"', b'{"__proto__":1,"mediaType"', 1),
        "NaN": b'{"mediaType":NaN}',
        "a float": b'{"mediaType":1.0}',
        "an exponent": b'{"mediaType":1e2}',
        "1e999": b'{"mediaType":1e999}',
        "minus nothing": b'{"mediaType":-}',
        "minus zero": b'{"mediaType":-0}',
        "a leading zero": b'{"mediaType":01}',
        "2**53": b'{"mediaType":9007199254740992}',
        "2**53 - 1": b'{"mediaType":9007199254740991}',
        "5,000 digits": b'{"mediaType":' + b"9" * 5000 + b"}",
        "200,000 deep": b"[" * 200_000,
        "five deep": b"[[[[[]]]]]",
        "many values": b"[" + b"0," * 300 + b"0]",
        "a trailing comma": data.rstrip()[:-1] + b",}",
        "two documents": data + data,
        "a control character": b'{"media\nType":1}',
        "a bad escape": b'{"media\\xType":1}',
        "a short escape": b'{"media\\u12":1}',
        "a form feed between": b"\x0c" + data,
        "a non-breaking space between": b"\xc2\xa0" + data,
        "cut short": data[: len(data) // 2],
        "a list": b"[]",
        "text": b'"plan"',
        "another version": data.replace(b"version=1", b"version=2", 1),
    }.items():  # fmt: skip
        yield given(f"file: {name}", spoilt, TIMED)
    value = json.loads(data)
    too_long = json.dumps(value).encode() + b" " * (16 * 2**20)
    yield given("file: more than 16 MiB", too_long, TIMED)

    def edited(name: str, edit: Callable[[dict[str, Any]], object]) -> Case:
        copy = json.loads(data)
        edit(copy)
        return given(f"bundle: {name}", json.dumps(copy).encode(), TIMED)

    envelope, (token,) = value["plan"]["envelope"], value["plan"]["timestamps"]
    yield edited("a key in it", lambda v: v.update(keys=[]))
    yield edited("a field more in the plan", lambda v: v["plan"].update(policy={}))
    yield edited("no result", lambda v: v.pop("result"))
    yield edited("no timestamps' field", lambda v: v["plan"].pop("timestamps"))
    yield edited("a number for an envelope", lambda v: v["plan"].update(envelope=1))
    yield edited("a number for a timestamp", lambda v: v["plan"].update(timestamps=[1]))
    yield edited("null for a log", lambda v: v["plan"].update(log=None))
    yield edited("an endless log proof", lambda v: v["plan"].update(log="x" * 139_265))
    yield edited("17 timestamps", lambda v: v["plan"].update(timestamps=[token] * 17))
    yield edited("one token twice", lambda v: v["plan"].update(timestamps=[token] * 2))
    long = base64.b64encode(bytes(65_537)).decode()
    yield edited("a long timestamp", lambda v: v["plan"].update(timestamps=[long]))
    yield edited("no timestamp", lambda v: v["plan"].update(timestamps=[]))
    yield edited(
        "plan and result exchanged", lambda v: v.update(plan=v["result"], result=v["plan"])
    )
    urlsafe = envelope.replace("+", "-").replace("/", "_")
    for name, text in {
        "junk": envelope[:8] + "!" + envelope[9:],
        "white space": envelope[:8] + "\n" + envelope[8:],
        "no padding": base64.b64encode(b"x").decode().rstrip("="),
        "unused bits": "eB==",
        "both alphabets": "+_" * 2,
        "the other alphabet": urlsafe,
        "not ASCII": "\uff21" * 4,
        "nothing": "",
    }.items():
        yield edited(f"base64: {name}", lambda v, text=text: v["plan"].update(envelope=text))  # type: ignore[misc]


# --- 4: envelopes ---


def _enveloped(edit: Callable[[dict[str, Any]], object], which: str = "result") -> bytes:
    sealed: Sealed = getattr(GOOD, which)
    value = json.loads(sealed.envelope)
    edit(value)
    spoilt = replace(sealed, envelope=json.dumps(value).encode(), timestamps=())
    return replace(GOOD, **{which: spoilt}).to_bytes()


def _envelopes() -> Iterator[Case]:
    edits: dict[str, Callable[[dict[str, Any]], object]] = {
        "a field more": lambda v: v.update(alg="none"),
        "a field less": lambda v: v.pop("payloadType"),
        "another payload type": lambda v: v.update(payloadType="text/plain"),
        "a payload type that is not ASCII": lambda v: v.update(payloadType="application/vnd.ın-toto+json"),
        "a number for a payload": lambda v: v.update(payload=1),
        "no signature": lambda v: v.update(signatures=[]),
        "signatures are an object": lambda v: v.update(signatures={}),
        "17 signatures": lambda v: v.update(signatures=v["signatures"] * 17),
        "a signature's field more": lambda v: v["signatures"][0].update(cert="x"),
        "a signature is text": lambda v: v.update(signatures=["x"]),
        "a keyid is null": lambda v: v["signatures"][0].update(keyid=None),
        "a keyid is missing": lambda v: v["signatures"][0].pop("keyid"),
        "a keyid is wrong": lambda v: v["signatures"][0].update(keyid="x"),
        "an empty signature": lambda v: v["signatures"][0].update(sig=""),
        "a signature of 9,000 bytes": lambda v: v["signatures"][0].update(sig="AAAA" * 3000),
        "a signature not in base64": lambda v: v["signatures"][0].update(sig="?"),
        "an empty payload": lambda v: v.update(payload=""),
        "another payload": lambda v: v.update(payload="e30="),
        "a keyid of another trusted key": lambda v: v["signatures"][0].update(keyid=WITNESS.public_key.keyid),
    }  # fmt: skip
    for name, edit in edits.items():
        yield given(f"envelope: {name}", _enveloped(edit))
        yield given(f"plan's envelope: {name}", _enveloped(edit, "plan"))


# --- 5, 6, 8: keys and signatures ---


def _both(**changes: Any) -> Policy:
    return replace(KINDS["two-signers"].policy, timestamps=TimestampRules(), **changes)


def _signatures() -> Iterator[Case]:
    def flipped(place: int) -> Callable[[dict[str, Any]], object]:
        def edit(value: dict[str, Any]) -> None:
            raw = bytearray(base64.b64decode(value["signatures"][0]["sig"]))
            raw[place] ^= 1
            value["signatures"][0]["sig"] = base64.b64encode(raw).decode()

        return edit

    order = 2**252 + 27742317777372353535851937790883648493

    def above_order(value: dict[str, Any]) -> None:
        raw = base64.b64decode(value["signatures"][0]["sig"])
        s = int.from_bytes(raw[32:], "little") + order
        value["signatures"][0]["sig"] = base64.b64encode(
            raw[:32] + s.to_bytes(32, "little")
        ).decode()

    for place in (0, 31, 32, 63):
        yield given(f"signature: bit flipped at {place}", _enveloped(flipped(place)))
    yield given("signature: S above the order", _enveloped(above_order))
    yield given("signature: one byte more", _enveloped(_longer))
    for name, signers in {"an operator": (OPERATOR,), "a witness": (WITNESS,)}.items():
        yield given(f"signature: of two only {name}", made.bundle(signers=signers), _both())
    yield given("signature: one key twice", made.bundle(signers=(OPERATOR, OPERATOR)), _both())
    other = made.ed25519_signer(9)
    yield given("signature: by a stranger", made.bundle(signers=(other,)))
    yield given("signature: by a stranger, too", made.bundle(signers=(OPERATOR, other)))
    keys = [trusted_key(s.public_key, name=n) for s, n in ((OPERATOR, "one"), (other, "two"))]
    keys += [trusted_key(WITNESS.public_key, name="three", role="witness")]
    roles = (RoleThreshold("operator", 1), RoleThreshold("witness", 1))
    asks = made.policy(keys=keys, thresholds=roles)
    yield given(
        "signature: two operators and no witness", made.bundle(signers=(OPERATOR, other)), asks
    )
    yield from _approved()
    p256 = made.policy(WITNESS)
    yield given("P-256: good", made.bundle(signers=(WITNESS,)), p256)
    for name, spoil in _P256.items():
        yield given(f"P-256: {name}", _respelt(spoil), p256)


def _approved() -> Iterator[Case]:
    """An approver signs the plan alone, and the policy asks for it."""
    keys = [trusted_key(OPERATOR.public_key, name="operator")]
    keys += [trusted_key(WITNESS.public_key, name="dpo", role="approver", operator_run=False)]
    roles = (RoleThreshold("operator", 1), RoleThreshold("approver", 1, signs=Signs.PLAN))
    asks = made.policy(keys=keys, thresholds=roles)
    yield given("approved: good", made.bundle(approvers=(WITNESS,)), asks)
    yield given("approved: both signed", made.bundle(signers=(OPERATOR, WITNESS)), asks)
    yield given("approved: by nobody", made.bundle(), asks)
    yield given("approved: by a stranger", made.bundle(approvers=(made.ed25519_signer(9),)), asks)
    yield given("approved: but by no operator", made.bundle(signers=(WITNESS,)), asks)
    data = made.bundle(approvers=(WITNESS,))
    late = (RoleThreshold("operator", 1), RoleThreshold("approver", 1, signs=Signs.RESULT))
    yield given("approved: not the result", data, made.policy(keys=keys, thresholds=late))


def _longer(value: dict[str, Any]) -> None:
    raw = base64.b64decode(value["signatures"][0]["sig"])
    value["signatures"][0]["sig"] = base64.b64encode(raw + b"\0").decode()


def _respelt(spoil: Callable[[bytes], bytes]) -> bytes:
    good = made.bundle(signers=(WITNESS,))
    value = json.loads(good.result.envelope)
    (entry,) = value["signatures"]
    entry["sig"] = base64.b64encode(spoil(base64.b64decode(entry["sig"]))).decode()
    return replace(good, result=Sealed(json.dumps(value).encode())).to_bytes()


def _raw(der: bytes) -> bytes:
    size = der[3]
    parts = (der[4 : 4 + size], der[6 + size :])
    return b"".join(int.from_bytes(each, "big").to_bytes(32, "big") for each in parts)


_P256: dict[str, Callable[[bytes], bytes]] = {
    "r next to s": _raw,
    "a long length": lambda der: b"\x30\x81" + der[1:],
    "an indefinite length": lambda der: b"\x30\x80" + der[2:] + b"\0\0",
    "a byte after the end": lambda der: der + b"\0",
    "a spare zero": lambda der: bytes([0x30, der[1] + 1, 2, der[3] + 1, 0]) + der[4:],
    "nothing": lambda _: b"\x30\x00",
    "zeros": lambda _: bytes.fromhex("3006020100020100"),
    "an integer more": lambda der: bytes([0x30, der[1] + 3]) + der[2:] + b"\x02\x01\x01",
    "another's": lambda _: bytes.fromhex("3006020101020101"),
}


# --- 7, 12: timestamps and times ---


def _restamped(*tokens: bytes) -> bytes:
    return replace(GOOD, result=replace(GOOD.result, timestamps=tokens)).to_bytes()


def _tokens() -> Iterator[Case]:
    message, when = GOOD.result.envelope, at(30)
    by_policy = made.policy(
        timestamps=TimestampRules(threshold=1, authorities=(FORGE.trusted(pin="policy"),))
    )
    both = made.policy(
        timestamps=TimestampRules(
            threshold=1,
            authorities=(replace(FORGE.trusted(), policies=("1.3.6.1.4.1.32473.1",)),),
        )
    )
    yield given("token: good, by its policy", GOOD, by_policy)
    spoilt: list[dict[str, Any]] = [
        {"status": 1}, {"status": 2}, {"imprint": hashlib.sha256(b"else").digest()},
        {"imprint_oid": "1.3.14.3.2.26"}, {"signature_flip": True}, {"named": b"another"},
        {"policy": "1.3.6.1.4.1.32473.2"}, {"extension": True}, {"signers": 2}, {"signers": 0},
        {"content": "1.2.840.113549.1.7.1"}, {"accuracy": timedelta(hours=2)}, {"fraction": ".10"},
        {"fraction": ".5"}, {"accuracy": None}, {"accuracy": timedelta(0)}, {"embed": ()},
    ]  # fmt: skip
    for changes in spoilt:
        token = FORGE.stamp(message, when, **changes)
        yield given(f"token: {changes}", _restamped(token), both)
    for text in (b"20261331120000Z", b"20261001120060Z", b"20261001120000+0000", b"261001120000Z"):
        yield given(f"token: at {text!r}", _restamped(FORGE.at(message, text)), TIMED)
    good = FORGE.plain(message, when)
    for name, token in {
        "nothing": b"", "cut short": good[:-1], "a byte after the end": good + b"\0",
        "no sequence": b"\x04" + good[1:], "an early byte": good[:4] + b"\x31" + good[5:],
        "of the plan": GOOD.plan.timestamps[0], "after the certificate's end": FORGE.plain(message, END + timedelta(days=1)),
        "of the future": FORGE.plain(message, NOW + timedelta(hours=1)),
        "before it was issued": FORGE.plain(message, at(20)),
    }.items():  # fmt: skip
        yield given(f"token: {name}", _restamped(token), TIMED)
    yield from _authorities(message, when)


def _authorities(message: bytes, when: datetime) -> Iterator[Case]:
    root = FORGE.root
    assert FORGE.leaf is not None
    other, sibling = Forge(), Forge(root=root)
    impostor = Certified(certify("Root").key, root.certificate)
    serial = FORGE.leaf.certificate.serial_number
    twin = Forge(root=impostor, leaf=certify("TSA", impostor, serial=serial))
    sub = Forge(root=root, leaf=certify("Sub", FORGE.leaf))
    middle = certify("Middle", root, ca=True)
    below = Forge(root=root, leaf=certify("TSA below", middle))
    short = certify("Old root", end=at(0))
    old = Forge(root=short, leaf=certify("Old TSA", short, end=at(200)))
    assert other.leaf
    assert twin.leaf
    assert sub.leaf
    assert below.leaf
    embedded = {
        "an attacker's": (other, (other.leaf.der,)),
        "an attacker's with its root": (other, (other.leaf.der, other.root.der)),
        "another under the same root": (sibling, None),
        "a twin's": (twin, (twin.leaf.der,)),
        "a twin's beside the real one": (twin, (twin.leaf.der, FORGE.leaf.der)),
        "a twin's with the real one": (twin, (FORGE.leaf.der,)),
        "a leaf's leaf": (sub, (sub.leaf.der, FORGE.leaf.der)),
        "its own, with another's certificate alone": (FORGE, (other.leaf.der,)),
        "its own, with its root's certificate alone": (FORGE, (FORGE.root.der,)),
        "below an intermediate": (below, (below.leaf.der, middle.der)),
        "below a missing intermediate": (below, (below.leaf.der,)),
    }
    for pin in ("leaf", "policy"):
        rules = TimestampRules(threshold=1, authorities=(FORGE.trusted(pin=pin),))
        ignoring = replace(rules, unknown_authorities=Strangers.IGNORE)
        for name, (forge, embed) in embedded.items():
            data = _restamped(forge.stamp(message, when, embed=embed))
            yield given(f"authority: {name}, {pin}", data, made.policy(timestamps=rules))
            yield given(
                f"authority: {name}, {pin}, ignored", data, made.policy(timestamps=ignoring)
            )
    data = made.bundle(stamp=old.plain).to_bytes()
    yield given("authority: its root had ended", data, timed(old))
    for count in (1, 2):
        data = _restamped(FORGE.plain(message, when), other.plain(message, at(31)))
        yield given(f"authority: {count} of two", data, timed(FORGE, other, threshold=count))
    for name, usages, critical in (
        ("no purpose", None, True),
        ("a purpose not critical", (USAGES[0],), False),
        ("another purpose", (USAGES[1],), True),
        ("two purposes", USAGES, True),
    ):
        odd = Forge(root=root, leaf=certify("Odd", root, usages=usages, critical=critical))
        yield given(f"authority: {name}", made.bundle(stamp=odd.plain), timed(odd))


def _times() -> Iterator[Case]:
    asked: dict[str, dict[str, Any]] = {
        "required": {"required": True},
        "the plan's before the start": {"plan_before_start": True},
        "no lag": {"max_lag_seconds": 0, "clock_skew_seconds": 0},
    }
    for name, rules in asked.items():
        yield given(f"time: {name}", GOOD, timed(FORGE, **rules))
        without = replace(GOOD, plan=replace(GOOD.plan, timestamps=()))
        yield given(f"time: {name}, but for the plan", without, timed(FORGE, **rules))

    def late(message: bytes, when: datetime) -> bytes:
        return FORGE.plain(message, when + timedelta(minutes=20))

    stamped = made.bundle(stamp=late)
    yield given("time: stamped late", stamped, timed(FORGE))
    yield given("time: stamped too late", stamped, timed(FORGE, max_lag_seconds=600))
    yield given("time: the plan stamped too late", stamped, timed(FORGE, plan_before_start=True))
    yield given("time: issued in the future", made.bundle(), now=at(20))
    for minutes in (-1, 60):
        yield given(f"time: a clock {minutes} minutes after", made.bundle(), now=at(30 + minutes))


# --- 9: logs ---


def _logs() -> Iterator[Case]:
    logged = making.logged(made.bundle())
    proof = logged.result.log
    assert proof is not None
    yield given("log: no proof", made.bundle(), making.policy())
    yield given("log: not asked", logged)
    alone = making.logged(made.bundle(), witnesses=(making.W1,))
    yield given("log: one of two witnesses", alone, making.policy())
    yield given("log: one of one witness", alone, making.policy(1))
    yield given(
        "log: a cosignature of the future", making.logged(made.bundle(), at=2**40), making.policy()
    )
    for name, text in {
        "nothing": "", "another header": proof.replace("@v1", "@v2"),
        "extra": proof.replace("\nindex", "\nextra eA==\nindex"),
        "another index": proof.replace("index 4", "index 3"),
        "an index of digits and a line": proof.replace("index 4", "index 4_0"),
        "full-width digits": proof.replace("index 4", "index \uff14"),
        "another origin": proof.replace("example.org/log\n", "example.org/other\n"),
        "a size less": proof.replace("\n7\n", "\n6\n"),
        "no signatures": proof.split("\u2014")[0],
        "a hash more": proof.replace("index 4\n", "index 4\n" + "A" * 43 + "=\n"),
        "a hash not canonical": proof.replace("index 4\n", "index 4\n" + "A" * 42 + "B=\n"),
        "a tab": proof.replace("index 4", "index\t4"),
        "a line end less": proof[:-1],
        "the plan's": logged.plan.log or "",
    }.items():  # fmt: skip
        yield given(f"log: {name}", making.with_proof(logged, "result", text), making.policy())
        yield given(f"log: {name}, not asked", making.with_proof(logged, "result", text))
