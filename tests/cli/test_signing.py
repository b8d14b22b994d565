"""Who signs, as the operator configures it: tokens, services, several keys, and new ones."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from attestations import Algorithm, KeyFileSigner
from attestations.signing.kms import KmsSigner
from tests.attestations.signing import double
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.hsmfaults import watched

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "2468"


@pytest.fixture
def desk(desk: Operator) -> Operator:
    return HereOperator(desk.folder, desk.environment)


def signing(desk: Operator, *signers: str) -> None:
    desk.add(f"[signing]\nsigners = [{', '.join(signers)}]\n")


def standing(desk: Operator) -> int:
    return len(list((desk.folder / "shelf").iterdir()))


def audited(desk: Operator, bundle: str, keys: list[Path]) -> dict[str, Any]:
    """What an auditor with these keys learns."""
    policy = desk.folder / "policy.json"
    policy.unlink(missing_ok=True)
    words = [word for key in keys for word in ("--key", str(key))]
    assert desk.run("policy", "new", policy, *words).code == 0
    return desk.run("verify", bundle, "--policy", policy, "--json").json


@pytest.fixture
def token(desk: Operator, tmp_path: Path) -> Operator:
    """A token with a P-256 key in it, for a command in a process of its own."""
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    KeyFileSigner.create(tmp_path / "key.pem", algorithm=Algorithm.ECDSA_P256)
    environment = {"SOFTHSM2_CONF": str(settings), "PATH": "/usr/bin:/bin"}
    init = ["--init-token", "--free", "--label", "ours", "--pin", PIN, "--so-pin", "9753"]
    load = ["--import", str(tmp_path / "key.pem"), "--token", "ours", "--label", "attest"]
    for words in (init, [*load, "--id", "01", "--pin", PIN]):
        subprocess.run(["softhsm2-util", *words], env=environment, check=True, capture_output=True)
    signing(
        desk,
        f'{{ kind = "pkcs11", module = "{MODULE}", uri = "pkcs11:token=ours;object=attest" }}',
    )
    return Operator(desk.folder, {**desk.environment, "SOFTHSM2_CONF": str(settings)})


@pytest.mark.needs("softhsm")
def test_a_token_signs_with_its_pin_alone(token: Operator) -> None:
    before = standing(token)
    for pin in (None, "1357"):
        given = {} if pin is None else {"SHREDDER_PKCS11_PIN": pin}
        done = token.run("destroy", SURVEY, "--yes", "--json", environment=given)
        assert done.code == 2
        assert done.error.startswith("PKCS#11 token: ")
        assert "1357" not in done.out + done.err
    assert standing(token) == before
    done = token.run("destroy", SURVEY, "--yes", "--json", environment={"SHREDDER_PKCS11_PIN": PIN})
    assert done.code == 0, done.err
    (public,) = set((token.state / "keys").glob("signing-*.pub.pem")) - {own(token)}
    assert audited(token, done.json["attestation"], [public])["authentic"] is True


@pytest.mark.needs("softhsm")
def test_a_token_that_goes_before_the_result_leaves_the_run_to_be_resumed(
    token: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken away as soon as the first holding is gone."""
    import pkcs11

    monkeypatch.setenv("SOFTHSM2_CONF", token.environment["SOFTHSM2_CONF"])
    pkcs11.lib(MODULE).reinitialize()
    here = HereOperator(token.folder, {**token.environment, "SHREDDER_PKCS11_PIN": PIN})
    place = Path(token.environment["SOFTHSM2_CONF"]).with_name("tokens")
    before = standing(here)

    def taking(_: str) -> None:
        if standing(here) < before and place.exists():
            place.rename(place.with_name("away"))

    with watched(taking):
        done = here.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, standing(here) < before) == (2, True)
    assert done.error.startswith("the result is not signed: PKCS#11 token: it")
    assert "shredder resume" in done.hint
    assert list((here.state / "attestations").iterdir()) == []
    place.with_name("away").rename(place)
    pkcs11.lib(MODULE).reinitialize()
    done = here.run("resume", "--json")
    assert done.code == 0, done.err
    (public,) = set((here.state / "keys").glob("signing-*.pub.pem")) - {own(here)}
    assert audited(here, done.json["attestation"], [public])["authentic"] is True


def test_a_service_that_denies_the_result_leaves_the_run_to_be_resumed(
    desk: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holdings are gone by then: all that is missing is the signature."""
    aws = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with double.serving() as service:
        signing(desk, f'{{ kind = "kms", key = "k", region = "eu-central-1", endpoint_url = "{service.url}" }}')  # fmt: skip
        service.instead["GetPublicKey"] = double.denied
        before = standing(desk)
        done = desk.run("destroy", SURVEY, "--yes", "--json", environment=aws)
        assert (done.code, standing(desk)) == (2, before)
        assert done.error == "AWS KMS: not allowed"
        del service.instead["GetPublicKey"]

        def once(body: dict[str, Any]) -> double.Answer:
            signatures = [action for action, _ in service.asked if action == "Sign"]
            return double.signed(body) if len(signatures) == 1 else double.denied(body)

        service.instead["Sign"] = once
        done = desk.run("destroy", SURVEY, "--yes", "--json", environment=aws)
        assert (done.code, standing(desk) < before) == (2, True)
        assert done.error == "the result is not signed: AWS KMS: not allowed"
        assert "shredder resume" in done.hint
        assert list((desk.state / "attestations").iterdir()) == []

        del service.instead["Sign"]
        done = desk.run("resume", "--json", environment=aws)
        assert done.code == 0, done.err
        (public,) = set((desk.state / "keys").glob("signing-*.pub.pem")) - {own(desk)}
        assert audited(desk, done.json["attestation"], [public])["authentic"] is True


def own(desk: Operator) -> Path:
    """The kept public half of the key that `init` made."""
    keyid = KeyFileSigner.load(desk.state / "keys" / "signing.pem").public_key.keyid
    return desk.state / "keys" / f"signing-{keyid[7:23]}.pub.pem"


def test_a_hybrid_is_signed_by_both_keys(desk: Operator) -> None:
    lattice = KeyFileSigner.create(desk.folder / "pq.pem", algorithm=Algorithm.ML_DSA_65)
    public = desk.folder / "pq.pub.pem"
    public.write_text(lattice.public_key.pem)
    signing(desk, '{ kind = "file" }', '{ kind = "file", path = "pq.pem" }')
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert done.code == 0, done.err
    first = desk.state / "keys" / "signing.pub.pem"
    report = audited(desk, done.json["attestation"], [first, public])
    assert [len(signer["signed"]) for signer in report["signers"]] == [2, 2]


def test_a_signer_of_another_role_is_one_that_a_policy_can_ask_for(desk: Operator) -> None:
    second = KeyFileSigner.create(desk.folder / "second.pem", algorithm=Algorithm.ECDSA_P256)
    (desk.folder / "second.pub.pem").write_text(second.public_key.pem)
    signing(desk, '{ kind = "file" }', '{ kind = "file", path = "second.pem", role = "security" }')
    told = [("file", "operator"), ("file", "security")]
    status = desk.run("status", "--json").json
    assert [(each["kind"], each["role"]) for each in status["signers"]] == told
    assert "signed by: 1 operator key, 1 security key" in desk.run("status").out
    asked = desk.run("doctor", "--json").json["signers"]
    assert [(each["kind"], each["role"]) for each in asked] == told
    assert [each["status"] for each in asked] == ["ok", "ok"]
    assert asked[1]["detail"] == second.public_key.keyid
    assert f"signing key: {second.public_key.keyid} (security)" in desk.run("init").out
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    own_key = desk.state / "keys" / "signing.pub.pem"
    words = ("policy", "new", "policy.json", "--key", own_key)
    assert desk.run(*words, "--cosigner", "security=second.pub.pem").code == 0
    seen = desk.run("verify", done.json["attestation"], "--policy", "policy.json", "--json").json
    assert [(s["role"], s["signed"]) for s in seen["signers"]] == [
        ("operator", ["plan", "result"]), ("security", ["plan", "result"]),
    ]  # fmt: skip


def test_doctor_says_of_a_signer_that_cannot_sign_why(desk: Operator) -> None:
    (desk.state / "keys" / "signing.pem").chmod(0o640)
    before = sorted((desk.state / "keys").iterdir())
    done = desk.run("doctor", "--json")
    (signer,) = done.json["signers"]
    assert (done.code, signer["status"], signer["hint"]) == (2, "failed", "chmod 600 it")
    assert signer["detail"] == "the key file can be read or written by others"
    assert sorted((desk.state / "keys").iterdir()) == before
    assert "failed  file, operator: the key file" in desk.run("doctor").out


def test_what_a_rotated_key_signed_is_still_known_as_our_own(desk: Operator) -> None:
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert done.code == 0, done.err
    (desk.state / "keys" / "signing.pem").unlink()
    assert desk.run("init").code == 0
    again = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (again.code, again.json["attestation"]) == (0, done.json["attestation"])
    kept = list((desk.state / "keys").glob("signing-*.pub.pem"))
    assert len(kept) == 2
    # An auditor's policy names both, and who has the new one alone believes nothing of the old.
    assert audited(desk, done.json["attestation"], kept)["authentic"] is True
    alone = audited(desk, done.json["attestation"], [desk.state / "keys" / "signing.pub.pem"])
    assert (alone["authentic"], alone["codes"]) == (False, ["E_SIG"])


@pytest.mark.needs("ssh-agent")
def test_a_key_of_ssh_keygen_signs_and_its_line_is_enough_for_an_auditor(desk: Operator) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "correct horse", "-f", "id_ed25519"]
    subprocess.run(words, cwd=desk.folder, check=True)
    signing(desk, '{ kind = "file", path = "id_ed25519" }')
    for given, wanted in (
        ("", "the key file is encrypted"),
        ("battery staple", "wrong passphrase"),
    ):
        refused = desk.run("destroy", SURVEY, "--yes", environment={"SHREDDER_PASSPHRASE": given})
        assert (refused.code, standing(desk)) == (2, 4)
        assert wanted in refused.error
        assert "SHREDDER_PASSPHRASE" in refused.hint
    right = {"SHREDDER_PASSPHRASE": "correct horse"}
    done = desk.run("destroy", SURVEY, "--yes", "--json", environment=right)
    assert done.code == 0, done.err
    seen = audited(desk, done.json["attestation"], [desk.folder / "id_ed25519.pub"])
    assert (seen["authentic"], seen["signers"][0]["name"]) == (True, "id_ed25519")


def test_one_key_does_not_sign_twice(desk: Operator) -> None:
    signing(desk, '{ kind = "file" }', '{ kind = "file", path = ".shredder/keys/signing.pem" }')
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, standing(desk)) == (2, 4)
    assert done.error == "two of [signing] signers are one key"


@pytest.mark.parametrize(
    ("signers", "wanted"),
    [
        ("", "must name 1 to 16"),
        ('{ kind = "paper" }', "must be one of"),
        ('{ kind = "file", role = "approver" }', "is another person's"),
        ('{ kind = "file", role = "validator" }', "is another person's"),
        ('{ kind = "file", role = "Two Words" }', "role must be a code"),
        ('{ kind = "file", role = "security" }', "must name one of the role operator"),
        ('{ kind = "kms" }', "lacks the key 'key'"),
        ('{ kind = "file", pin = "1234" }', "is not known"),
        ('{ kind = "kms", key = "AKIAABCDEFGHIJKLMNOP" }', "holds a secret"),
        ('{ kind = "pkcs11", module = "m", uri = "pkcs11:token=a;pin-value=1234" }', "URI"),
        ('{ kind = "pkcs11", module = "m" }', "lacks the key 'uri'"),
        ('{ kind = "ssh-agent", public_key = "none.pub" }', "SSH_AUTH_SOCK"),
        ('{ kind = "file", path = "none.pem" }', "No such file"),
    ],
)
def test_signers_that_cannot_be_are_refused_before_anything(
    desk: Operator, signers: str, wanted: str
) -> None:
    signing(desk, signers)
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, standing(desk)) == (2, 4)
    assert wanted in done.error
    assert "1234" not in done.out + done.err


def test_opening_a_service_needs_no_more_than_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration can leave out, boto3 finds by itself."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
    ):
        monkeypatch.setenv(name, value)
    with double.serving() as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", service.url)
        assert KmsSigner.open("alias/shredder").sign(b"message")
