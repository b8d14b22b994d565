"""A key in a token: SoftHSM, a real PKCS#11 module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestations import Algorithm, KeyUnusable, PublicKey, Verdict, verify
from attestations.signing.pkcs11 import TokenKey, TokenSigner
from tests.attestations import made
from tests.support import softhsm as support
from tests.support.softhsm import MODULE, PIN, softhsm

pytestmark = pytest.mark.needs("softhsm")

P256 = ec.derive_private_key(4711, ec.SECP256R1())
P384 = ec.derive_private_key(4711, ec.SECP384R1())


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two tokens with keys that were made elsewhere."""
    folder = tmp_path_factory.mktemp("hsm")
    with support.tokens(folder, "operators", "lost"):
        for label in ("operators", "lost"):
            for name, key, number in (("signing", P256, "01"), ("long", P384, "02")):
                pem = folder / f"{name}.pem"
                pem.write_bytes(
                    key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                )
                softhsm(
                    *["--import", str(pem), "--token", label, "--label", name],
                    *["--id", number, "--pin", PIN],
                )
        yield folder


def opened(uri: str, pin: str | None = PIN, module: str = MODULE) -> TokenSigner:
    return TokenSigner(module, TokenKey.parse(uri), pin)


def refused(uri: str, match: str, pin: str | None = PIN, module: str = MODULE) -> KeyUnusable:
    with pytest.raises(KeyUnusable, match=match) as caught:
        opened(uri, pin, module)
    assert PIN not in str(caught.value) + caught.value.hint
    return caught.value


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:token=operators;object=signing",
        "pkcs11:token=operators;id=%01",
        "pkcs11:token=%6fperators;object=signing;id=%01",
    ],
)
def test_a_token_signs_what_an_auditor_accepts(uri: str) -> None:
    signer = opened(uri)
    assert signer.public_key == PublicKey.of(P256.public_key())
    report = verify(made.bundle(signers=[signer]).to_bytes(), made.policy(signer), now=made.NOW)
    assert report.authentic is Verdict.VALID


@pytest.mark.usefixtures("tokens")
def test_a_long_message_is_signed_as_well() -> None:
    message = bytes(range(256)) * 20_000
    signer = opened("pkcs11:token=operators;object=signing")
    signer.public_key.verify(signer.sign(message), message)


def test_a_token_signs_by_ed25519(tokens: Path) -> None:
    """The key is made inside: softhsm2-util imports no Ed25519 of every version."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    token = pkcs11.lib(MODULE).get_token(token_label="operators")
    with token.open(rw=True, user_pin=PIN) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS,
            {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("1.3.101.112")},
            local=True,
        )
        parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label="edwards"
        )
    signer = opened("pkcs11:token=operators;object=edwards")
    assert signer.public_key.algorithm is Algorithm.ED25519
    signature = signer.sign(b"message")
    ed25519.Ed25519PublicKey.from_public_bytes(signer.public_key.spki[-32:]).verify(
        signature, b"message"
    )


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("pin", ["1357", "7531", "x" * 300])
def test_a_wrong_pin_is_refused_and_never_shown(pin: str) -> None:
    error = refused("pkcs11:token=operators;object=signing", "PIN is wrong", pin)
    assert pin not in str(error)
    assert "locks" in error.hint


@pytest.mark.usefixtures("tokens")
def test_without_a_pin_a_private_key_cannot_be_used() -> None:
    with pytest.raises(KeyUnusable, match=r"PIN|key pair"):
        opened("pkcs11:token=operators;object=signing", None).sign(b"message")


@pytest.mark.usefixtures("tokens")
def test_what_is_not_there_is_told() -> None:
    refused("pkcs11:token=elsewhere;object=signing", "no token")
    refused("pkcs11:token=operators;serial=0000;object=signing", "no token")
    refused("pkcs11:token=operators;object=nothing", "no such key")
    refused("pkcs11:token=operators;object=signing;id=%02", "no such key")


@pytest.mark.usefixtures("tokens")
def test_a_key_of_another_curve_is_refused() -> None:
    refused("pkcs11:token=operators;object=long", "neither P-256 nor Ed25519")


@pytest.mark.parametrize("module", ["/nowhere/lib.so", "/etc/passwd"])
def test_a_module_that_is_none_is_told(module: str) -> None:
    refused("pkcs11:token=operators;object=signing", "cannot be loaded", module=module)


@pytest.mark.usefixtures("tokens")
def test_a_module_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import pkcs11

    library = pkcs11.lib(MODULE)
    library.finalize()
    with monkeypatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", "/nowhere")
        refused("pkcs11:token=operators;object=signing", "does not start: it answers GeneralError")
    library.initialize()


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    ("name", "match"), [("PinLocked", "is locked"), ("DeviceRemoved", "taken away")]
)
def test_what_softhsm_does_not_do_is_told_as_well(
    monkeypatch: pytest.MonkeyPatch, name: str, match: str
) -> None:
    """SoftHSM never locks a PIN and is never pulled out: the driver's own errors, made here."""
    import pkcs11
    from pkcs11 import exceptions

    class Pulled:
        def __init__(self, module: str) -> None:
            pass

        def get_token(self, **wanted: object) -> object:
            raise getattr(exceptions, name)

    monkeypatch.setattr(pkcs11, "lib", Pulled)
    refused("pkcs11:token=operators;object=signing", match)


@pytest.mark.usefixtures("tokens")
def test_a_signature_that_does_not_fit_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token whose private key is not its public key's."""
    signer = opened("pkcs11:token=operators;object=signing")
    monkeypatch.setattr(signer, "_public", made.WITNESS.public_key)
    with pytest.raises(KeyUnusable, match="does not fit"):
        signer.sign(b"message")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a",
        "pkcs12:token=a;object=b",
        "pkcs11:token=a;token=b;object=c",
        "pkcs11:token=a;object=b;pin-value=1234",
        "pkcs11:token=a;object=b?pin-source=file:pin",
        "pkcs11:token=%ff;object=b",
        "pkcs11:token=a;object",
    ],
)
def test_a_uri_that_is_not_understood_is_refused(uri: str) -> None:
    with pytest.raises(KeyUnusable, match="URI") as caught:
        TokenKey.parse(uri)
    assert "1234" not in str(caught.value)


def test_a_token_taken_away_between_plan_and_result_is_told(tokens: Path) -> None:
    """The last one: SoftHSM answers for no token any more once one is gone."""
    signer = opened("pkcs11:token=lost;object=signing")
    signer.sign(b"the plan")
    for folder in (tokens / "tokens").iterdir():
        if b"lost" in (folder / "token.object").read_bytes():
            shutil.rmtree(folder)
    with pytest.raises(KeyUnusable, match="PKCS#11 token: "):
        signer.sign(b"the result")
