"""The recipe with openssl and jq, as it stands in the documents: run on good and spoilt bundles."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import Bundle, KeyFileSigner, Sealed, request_timestamp
from demo.servers.tsa import TimestampAuthority
from tests.attestations import made
from tests.attestations.forge import Forge, certify
from tests.attestations.kinds import issued

pytestmark = pytest.mark.needs("jq", "openssl")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "verify-by-hand.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
TOOLS = {
    "base64",
    "cp",
    "cut",
    "date",
    "jq",
    "openssl",
    "sed",
    "sha256sum",
    "sh",
    "tr",
    "wc",
    "cat",
}


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def stamped(authority: TimestampAuthority) -> Callable[[Sealed], Sealed]:
    def stamp(sealed: Sealed) -> Sealed:
        return sealed.with_timestamps([request_timestamp(sealed.envelope, authority.url)])

    return stamp


def whole(authority: TimestampAuthority, signer: KeyFileSigner = made.OPERATOR) -> Bundle:
    """An issuer's bundle with a real authority's tokens."""
    stamp, of = stamped(authority), issued(signers=[signer])
    return Bundle(plan=stamp(of.plan), result=stamp(of.result))


@pytest.fixture(scope="module")
def bundle(tsa: TimestampAuthority) -> Bundle:
    return whole(tsa)


@pytest.fixture
def by_hand(tsa: TimestampAuthority, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the document's script on a bundle, with no program but the named ones in reach."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        found = subprocess.run(["/usr/bin/env", "which", name], capture_output=True, check=True)
        (tools / name).symlink_to(found.stdout.decode().strip())

    def run(
        of: Bundle,
        key: str = made.OPERATOR.public_key.pem,
        root: str = "",
        leaf: str = "",
        more: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        folder = tmp_path / f"empty-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "bundle.json").write_bytes(of.to_bytes())
        (folder / "operator.pem").write_text(key)
        (folder / "tsa-root.pem").write_text(root or tsa.root_pem)
        (folder / "tsa.pem").write_text(leaf or tsa.leaf_pem)
        for name, text in (more or {}).items():
            (folder / name).write_text(text)
        done = subprocess.run(
            [str(tools / "sh"), "-c", "\n".join(BLOCKS)],
            cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        return done.returncode, (done.stderr if done.returncode else done.stdout)

    return run


Run = Callable[..., tuple[int, str]]


def test_a_good_bundle_is_accepted(by_hand: Run, bundle: Bundle) -> None:
    code, said = by_hand(bundle)
    assert code == 0, said
    assert said.splitlines()[-1] == "outcome as stated: complete"
    assert said.count("signed no later than") == 2


def test_a_key_on_p256_is_accepted(by_hand: Run, tsa: TimestampAuthority) -> None:
    signer = made.p256_signer(3)
    assert by_hand(whole(tsa, signer), signer.public_key.pem)[0] == 0


@pytest.mark.parametrize("part", ["plan", "result"])
def test_a_spoilt_signature_is_refused(
    by_hand: Run, bundle: Bundle, tsa: TimestampAuthority, part: str
) -> None:
    """Timestamped again, so that nothing but the signature is wrong."""
    sealed: Sealed = getattr(bundle, part)
    at = sealed.envelope.index(b'"sig":"') + 20
    other = b"B" if sealed.envelope[at : at + 1] == b"A" else b"A"
    spoilt = stamped(tsa)(Sealed(sealed.envelope[:at] + other + sealed.envelope[at + 1 :]))
    code, said = by_hand(replace(bundle, **{part: spoilt}))
    assert (code, said.strip()) == (9, f"REFUSED: {part}: not signed by the trusted key")


def test_another_signers_bundle_is_refused(by_hand: Run, bundle: Bundle) -> None:
    code, said = by_hand(bundle, made.ed25519_signer(9).public_key.pem)
    assert (code, said.strip()) == (9, "REFUSED: plan: not signed by the trusted key")


@pytest.mark.parametrize("part", ["plan", "result"])
@pytest.mark.parametrize("place", [-1, -60, 300])
def test_a_spoilt_token_is_refused(by_hand: Run, bundle: Bundle, part: str, place: int) -> None:
    sealed: Sealed = getattr(bundle, part)
    token = sealed.timestamps[0]
    spoilt = replace(sealed, timestamps=(flipped(token, place % len(token)),))
    code, said = by_hand(replace(bundle, **{part: spoilt}))
    assert code == 9
    assert said.startswith(f"REFUSED: {part}: ")
    assert "timestamp" in said


def test_the_token_of_another_envelope_is_refused(by_hand: Run, bundle: Bundle) -> None:
    swapped = replace(bundle.result, timestamps=bundle.plan.timestamps)
    code, said = by_hand(replace(bundle, result=swapped))
    assert (code, said.strip()) == (9, "REFUSED: result: the timestamp is not good")


def test_a_missing_token_is_refused(by_hand: Run, bundle: Bundle) -> None:
    assert by_hand(replace(bundle, plan=replace(bundle.plan, timestamps=())))[0] == 9


def test_another_authoritys_token_is_refused(by_hand: Run, bundle: Bundle, tmp_path: Path) -> None:
    with TimestampAuthority(tmp_path / "other") as other:
        spoilt = stamped(other)(Sealed(bundle.result.envelope))
    code, said = by_hand(replace(bundle, result=spoilt))
    assert (code, said.strip()) == (9, "REFUSED: result: the timestamp is not good")


def test_another_authority_below_the_same_root_is_refused(by_hand: Run) -> None:
    good = Forge()
    other = Forge(root=good.root, leaf=certify("Another TSA", good.root))
    assert good.leaf is not None
    trust = {"root": good.root.pem, "leaf": good.leaf.pem}
    assert by_hand(issued(stamp=good.plain), **trust)[0] == 0
    code, said = by_hand(issued(stamp=other.plain), **trust)
    assert (code, said.strip()) == (9, "REFUSED: plan: another authority's timestamp")


def test_the_digest_of_another_plan_is_refused(
    by_hand: Run, bundle: Bundle, tsa: TimestampAuthority
) -> None:
    """A plan that is signed and timestamped as well as the one that the result names."""
    stamp = stamped(tsa)
    plan = stamp(issued(plan_changes={"limitations": ("changed-afterwards",)}).plan)
    code, said = by_hand(replace(bundle, plan=plan))
    assert (code, said.strip()) == (9, "REFUSED: the result is of another plan")


@pytest.mark.parametrize(("part", "place"), [("plan", 0), ("result", 1), ("result", 2)])
def test_subjects_of_another_statement_are_refused(
    by_hand: Run, bundle: Bundle, tsa: TimestampAuthority, part: str, place: int
) -> None:
    """As a lying issuer would sign them."""
    both = made.statements(bundle)
    both[part == "result"]["subject"][place]["digest"]["sha256"] = "0" * 64
    lied = Bundle.from_bytes(made.resealed(*both))
    stamp = stamped(tsa)
    code, said = by_hand(Bundle(plan=stamp(lied.plan), result=stamp(lied.result)))
    assert (code, said.strip()) == (9, f"REFUSED: {part}: the subjects are not the predicate's")
