"""Two people at two machines: an operator's desk, and an approver with a key of their own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attestations import Algorithm, KeyFileSigner
from tests.cli.operating import SURVEY, Done, HereOperator, Operator

DPO = ("dpo", "data-protection-officer", "staff-3")
HEAD = ("head", "head-of-research", "staff-9")


class Approver:
    """Who has the operator's public key, a key of their own, and no configuration."""

    def __init__(self, folder: Path, desk: Operator, who: tuple[str, str, str]) -> None:
        folder.mkdir()
        self.name, self.role, self.reference = who
        self.place = HereOperator(folder, desk.environment)
        self.signer = KeyFileSigner.create(folder / "own.pem", algorithm=Algorithm.ECDSA_P256)
        (folder / "own.pub.pem").write_text(self.signer.public_key.pem)
        shutil.copy(desk.state / "keys" / "signing.pub.pem", folder / "operator.pem")

    @property
    def configured(self) -> str:
        return (
            f'[approvers.{self.name}]\nrole = "{self.role}"\nreference = "{self.reference}"\n'
            f'public_key = "{self.name}.pub.pem"\n'
        )

    def take(self, *files: Path) -> None:
        for file in files:
            shutil.copy(file, self.place.folder)

    def approve(self, *more: str, yes: bool = True, **changes: str) -> Done:
        given = {
            "--plan": "plan.jsonl",
            "--operator": "operator.pem",
            "--key": "own.pem",
            "--by-role": self.role,
            "--reference": self.reference,
            "--output": "approval.json",
            **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
        }
        words = [word for pair in given.items() for word in pair]
        return self.place.run(
            "approve", "proposal.json", *words, *(["--yes"] if yes else []), "--json", *more
        )

    @property
    def approval(self) -> Path:
        return self.place.folder / "approval.json"


class Office:
    """An operator and the approvers of the survey."""

    def __init__(
        self, folder: Path, desk: Operator, people: Sequence[tuple[str, str, str]], approvals: int
    ) -> None:
        self.desk = HereOperator(desk.folder, desk.environment)
        self.approvers = [Approver(folder / who[0], desk, who) for who in people]
        for each in self.approvers:
            shutil.copy(each.place.folder / "own.pub.pem", desk.folder / f"{each.name}.pub.pem")
        text = desk.config.read_text()
        basis = 'basis = "gdpr-art-17"\n'
        assert text.count(basis) == 1
        asked = f"approvals = {approvals}\n" if approvals else ""
        people_of = "".join(each.configured for each in self.approvers)
        desk.config.write_text(text.replace(basis, basis + asked) + people_of)

    def plan(self) -> dict[str, Any]:
        (self.desk.folder / "plan.jsonl").unlink(missing_ok=True)
        done = self.desk.run("plan", SURVEY, "--output", "plan.jsonl", "--json")
        assert done.code == 0, done.err
        return done.json

    def propose(self, *words: str) -> Done:
        (self.desk.folder / "proposal.json").unlink(missing_ok=True)
        done = self.desk.run(
            *["propose", SURVEY, "--plan", "plan.jsonl", "--output", "proposal.json", "--json"],
            *words,
        )
        if done.code == 0:
            for each in self.approvers:
                each.take(self.desk.folder / "plan.jsonl", self.desk.folder / "proposal.json")
        return done

    def approved(self) -> list[Path]:
        """Planned, proposed and signed by all; returns what they signed."""
        self.plan()
        assert self.propose().code == 0
        for each in self.approvers:
            each.approval.unlink(missing_ok=True)
            done = each.approve()
            assert done.code == 0, done.err
        return [each.approval for each in self.approvers]

    def destroy(self, *approvals: Path, more: Sequence[str] = ()) -> Done:
        words = [word for path in approvals for word in ("--approval", str(path))]
        return self.desk.run("destroy", SURVEY, "--plan", "plan.jsonl", *words, *more, "--json")

    def standing(self) -> list[str]:
        return sorted(path.name for path in (self.desk.folder / "shelf").iterdir())
