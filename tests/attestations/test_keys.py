"""Keys that may be trusted, by published vectors and by arithmetic of the tests' own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestations import Algorithm, Code, PolicyRefused, PublicKey, Refused
from tests.attestations import made
from tests.needs import VECTORS

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """The group law of edwards25519 in affine coordinates (RFC 8032, 5.1.4)."""
    (x1, y1), (x2, y2) = a, b
    cross = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P)
    return x % P, y % P


def point(y: int, sign: int) -> Point | None:
    """Decompress, by trying both roots."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P), y


def low_order_points() -> set[Point]:
    """The eight points of order 1, 2, 4 and 8: of every point, the cofactor leaves none."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        y += 1
        candidate = point(y, 0)
        if candidate is None:
            continue
        total, power, n = (0, 1), candidate, order
        while n:
            if n & 1:
                total = add(total, power)
            power, n = add(power, power), n >> 1
        while total not in found:
            found.add(total)
            total = add(total, total)
        found |= {add(a, b) for a in found for b in found}
    return found


def spki(raw: bytes) -> bytes:
    return bytes.fromhex("302a300506032b6570032100") + raw


def encode(y: int, sign: int) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def test_every_point_of_low_order_is_refused() -> None:
    points = low_order_points()
    assert len(points) == 8
    for x, y in points:
        for sign in {x & 1, 1 - (x & 1)}:
            with pytest.raises(PolicyRefused) as caught:
                PublicKey.from_spki(spki(encode(y, sign)))
            assert caught.value.verdict == Code.E_WEAK_KEY


@pytest.mark.parametrize("y", [*range(P, 2**255)], ids=lambda y: f"p+{y - P}")
def test_every_encoding_that_is_not_canonical_is_refused(y: int) -> None:
    with pytest.raises(PolicyRefused) as caught:
        PublicKey.from_spki(spki(encode(y, 0)))
    assert caught.value.verdict == Code.E_WEAK_KEY


def test_what_is_no_point_is_refused() -> None:
    y = next(y for y in range(2, 100) if point(y, 0) is None)
    with pytest.raises(PolicyRefused) as caught:
        PublicKey.from_spki(spki(encode(y, 0)))
    assert caught.value.verdict == Code.E_WEAK_KEY


def test_sound_keys_are_taken() -> None:
    for _ in range(20):
        key = ed25519.Ed25519PrivateKey.generate().public_key()
        assert PublicKey.of(key).algorithm is Algorithm.ED25519


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048).public_key(),
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        made.OPERATOR,
    ],
    ids=["rsa", "p384", "k1", "no key"],
)
def test_other_algorithms_are_refused(key: object) -> None:
    with pytest.raises(PolicyRefused) as caught:
        PublicKey.of(key)
    assert caught.value.verdict == Code.E_POLICY


def test_a_compressed_key_has_the_keyid_of_the_same_key() -> None:
    """One key under two encodings is one key."""
    private = ec.derive_private_key(1002, ec.SECP256R1()).public_key()
    point_only = private.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point_only
    assert PublicKey.from_spki(compressed).keyid == made.WITNESS.public_key.keyid


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", made.OPERATOR.public_key.pem[:60]])  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(PolicyRefused):
        PublicKey.from_pem(text)


def test_r_and_s_side_by_side_are_refused_where_der_is_due() -> None:
    signature = made.WITNESS.sign(b"message")
    made.WITNESS.public_key.verify(signature, b"message")
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(signature)
    with pytest.raises(Refused):
        made.WITNESS.public_key.verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"message")


def test_one_algorithms_signature_is_not_the_others() -> None:
    with pytest.raises(Refused):
        made.OPERATOR.public_key.verify(made.WITNESS.sign(b"message"), b"message")
    with pytest.raises(Refused):
        made.WITNESS.public_key.verify(made.OPERATOR.sign(b"message"), b"message")


def test_an_s_above_the_order_is_refused() -> None:
    """RFC 8032, 5.1.7: otherwise anyone makes a second signature of each."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = made.OPERATOR.sign(b"message")
    s = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(Refused):
        made.OPERATOR.public_key.verify(signature[:32] + s.to_bytes(32, "little"), b"message")


def _wycheproof(name: str) -> list[tuple[str, bytes, bytes, bytes, bool]]:
    path = VECTORS / "wycheproof" / name
    if not path.exists():
        return []
    data: dict[str, Any] = json.loads(path.read_text())
    return [
        (
            f"{case['tcId']} {case['comment']}",
            bytes.fromhex(group["publicKeyDer"]),
            bytes.fromhex(case["msg"]),
            bytes.fromhex(case["sig"]),
            case["result"] == "valid",
        )
        for group in data["testGroups"]
        for case in group["tests"]
    ]


@pytest.mark.needs("vectors")
@pytest.mark.parametrize(
    ("name", "least"), [("ed25519_test.json", 140), ("ecdsa_secp256r1_sha256_test.json", 400)]
)
def test_published_vectors(name: str, least: int) -> None:
    """Wycheproof: whoever calls a signature valid must agree, and nobody else's is."""
    cases = _wycheproof(name)
    assert len(cases) > least
    wrong = []
    for title, der, message, signature, valid in cases:
        try:
            PublicKey.from_spki(der).verify(signature, message)
        except Refused:
            accepted = False
        else:
            accepted = True
        if accepted != valid:
            wrong.append(title)
    assert wrong == []


@pytest.mark.needs("vectors")
def test_published_vectors_of_the_other_encoding_are_all_refused() -> None:
    """P1363 signatures (r next to s) are not DER, however valid they are."""
    cases = _wycheproof("ecdsa_secp256r1_sha256_p1363_test.json")
    assert len(cases) > 200
    for _, der, message, signature, _ in cases:
        with pytest.raises(Refused):
            PublicKey.from_spki(der).verify(signature, message)


def _mldsa_cases() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    path = VECTORS / "wycheproof" / "mldsa_65_verify_test.json"
    data: dict[str, Any] = json.loads(path.read_text())
    return [(group, case) for group in data["testGroups"] for case in group["tests"]]


def _accepts(group: dict[str, Any], case: dict[str, Any]) -> bool:
    """Read the raw key as a SubjectPublicKeyInfo of id-ml-dsa-65 (RFC 9881), as ours are."""
    raw = bytes.fromhex(group["publicKey"])
    info = bytes.fromhex("300b0609608648016503040312")
    bits = b"\x03\x82" + (len(raw) + 1).to_bytes(2, "big") + b"\0" + raw
    body = info + bits
    try:
        key = PublicKey.from_spki(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
        key.verify(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
    except Refused:
        return False
    return True


@pytest.mark.needs("vectors")
def test_published_vectors_of_ml_dsa_65() -> None:
    """Wycheproof, with two expected differences, and no other.

    A signature made with a context is valid under that context; ours is always the empty one, so
    that it is refused. A public key of zeros has signatures that fit, which anyone can make; no
    policy may trust such a key, so that they are refused with the key.
    """
    cases = _mldsa_cases()
    assert len(cases) > 200
    different = {"context": 0, "zero key": 0}
    wrong = []
    for group, case in cases:
        valid = case["result"] == "valid"
        if case.get("ctx") and valid:
            different["context"] += 1
            valid = False
        elif not any(bytes.fromhex(group["publicKey"])[32:]) and valid:
            different["zero key"] += 1
            valid = False
        if _accepts(group, case) != valid:
            wrong.append(f"{case['tcId']} {case['comment']}")
    assert wrong == []
    assert different == {"context": 2, "zero key": 2}


def test_an_ml_dsa_key_that_anyone_can_sign_for_is_weak() -> None:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    key = mldsa.MLDSA65PublicKey.from_public_bytes(bytes(range(32)) + bytes(1920))
    with pytest.raises(PolicyRefused) as caught:
        PublicKey.of(key)
    assert caught.value.verdict == Code.E_WEAK_KEY


def test_an_ml_dsa_signature_under_a_context_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    private = mldsa.MLDSA65PrivateKey.generate()
    public = PublicKey.of(private.public_key())
    public.verify(private.sign(b"message"), b"message")
    with pytest.raises(Refused):
        public.verify(private.sign(b"message", b"context"), b"message")


def test_ml_dsa_of_another_size_is_not_supported() -> None:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    for private in (mldsa.MLDSA44PrivateKey.generate(), mldsa.MLDSA87PrivateKey.generate()):
        with pytest.raises(PolicyRefused) as caught:
            PublicKey.of(private.public_key())
        assert caught.value.verdict == Code.E_POLICY
