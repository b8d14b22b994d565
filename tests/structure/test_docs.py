"""The documents agree with the code and with each other."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from backends.contract import CoverageStatus, Finding, Method, Technique, Verdict, is_code
from tests.structure.docs import DOCS, codes_in
from tests.structure.tree import ROOT, modules, tracked

# Literals that have the form of a code and are something else: encodings, kinds of units, ….
NOT_CODES = {
    "delete-marker", "large-object", "materialised-view", "catalogue-pages", "server-log",
    "missing-values",  # kinds
    "files-of-no-relation", "record-key", "server-files", "aws-kms", "aes256-gcm96",
    "filer-log", "filer-store", "tree-key",
    "editor-backup", "editor-lock", "editor-swap", "editor-undo", "free-space",  # of holdings
    "snapshot-file", "trashed-file",
    "folder-device", "newest-ids", "to-come",  # details
    "us-east-1", "latin-1", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be",
    "utf-32-le", "utf-8",
    "content-transfer-encoding", "quoted-printable", "signed-data", "smime-type",  # in mail
    "arrow-stream", "copy-rows", "sealed-value", "sqlite-journal", "sqlite-wal",  # openers
    "boolean-value", "covered-table-cell", "date-value", "encryption-data", "line-break",
    "number-rows-repeated", "string-value", "table-cell", "table-row", "time-value",  # in ods
    "unidentified-machine",  # an identity
    "records-5",  # a version
    "count-ahead",  # a thread
    "destroyed-unverified", "destroyed-verified",  # statuses, in the glossary
    "begun-anew", "not-final", "nothing-to-destroy", "still-there",  # what the journal keeps to itself
    "destroy-raised", "log-unavailable", "scope-swept", "store-unreachable",
    "timestamp-unavailable", "unit-not-examined", "verify-raised",  # events of the log
}  # fmt: skip

# Where the upper floor gives reasons of its own.
GIVING_REASONS = ("shredder.run.", "shredder.plan.decide", "shredder.plan.keyed",
                  "shredder.sweep.", "shredder.answers",
                  "shredder.evidence.attest", "shredder.evidence.groups",
                  "shredder.evidence.parts", "shredder.keystores.", "shredder.sealing.records",
                  "shredder.sealing.holdings")  # fmt: skip

CODE_KEYWORDS = {"reason", "obstacle", "problem", "retention"}
CODES_KEYWORDS = {"limitations", "blind_spots"}


def speaking() -> Iterator[ast.Module]:
    """The modules whose literals are said to the outside."""
    for module in modules():
        inside = module.name.startswith(("backends.", *GIVING_REASONS))
        if inside and not module.name.startswith(("backends.conformance", "backends.contract")):
            yield ast.parse(module.path.read_text("utf-8"))


def literals(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and is_code(part.value):
            yield part.value


def literal_codes() -> set[str]:
    """Every literal with a hyphen that could be a code, and every word used as one.

    A hyphenated literal counts wherever it stands, so that a code cannot hide in a table or in
    a constant; NOT_CODES names what is meant otherwise.
    """
    found: set[str] = set()
    for tree in speaking():
        found.update(code for code in literals(tree) if "-" in code)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in CODE_KEYWORDS | CODES_KEYWORDS:
                values = [node.value]
                if isinstance(node.value, ast.IfExp):
                    values = [node.value.body, node.value.orelse]
                for value in values:
                    if isinstance(value, (ast.Constant, ast.Tuple)):
                        found.update(literals(value))
            if isinstance(node, ast.ClassDef):
                for statement in node.body:
                    if isinstance(statement, ast.AnnAssign | ast.Assign) and statement.value:
                        targets = (
                            statement.targets
                            if isinstance(statement, ast.Assign)
                            else [statement.target]
                        )
                        if any(isinstance(t, ast.Name) and t.id == "reason" for t in targets):
                            found.update(literals(statement.value))
    return found - set(Technique) - set(Method)


def explained() -> list[str]:
    return codes_in(DOCS / "codes.md") + codes_in(DOCS / "limits.md")


def test_every_code_is_explained() -> None:
    assert literal_codes() - NOT_CODES - set(explained()) == set()


def test_every_explained_code_is_said_somewhere() -> None:
    said = {code for tree in speaking() for code in literals(tree)}
    assert set(explained()) - said == set()


def test_nothing_is_excused_that_is_not_there() -> None:
    assert NOT_CODES - literal_codes() == set()


def test_a_code_is_explained_once() -> None:
    twice = {code for code, times in Counter(explained()).items() if times > 1}
    assert twice == set()


def test_every_blind_spot_is_in_limits() -> None:
    """Of the tables in limits.md, where the operator reads them before trusting a run."""
    spots: set[str] = set()
    for tree in speaking():
        named = {
            target.id: statement.value
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "blind_spots":
                names = [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)]
                for value in (node.value, *(named[name] for name in names if name in named)):
                    spots.update(literals(value))
    assert spots
    assert spots - set(codes_in(DOCS / "limits.md")) == set()


def test_every_backend_has_its_limits() -> None:
    text = (DOCS / "limits.md").read_text("utf-8")
    ours = [
        p.name for p in entry_points(group="shredder.backends") if p.value.startswith("backends")
    ]
    assert [name for name in ours if f"`{name}`" not in text] == []


def glossary() -> dict[str, str]:
    text = (DOCS / "glossary.md").read_text("utf-8")
    return dict(re.findall(r"^\| \*\*([^*]+)\*\* \| (.+) \|$", text, re.MULTILINE))


def test_the_glossary_is_in_order() -> None:
    words = list(glossary())
    assert len(words) > 30
    assert words == sorted(words, key=str.casefold)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [("coverage", CoverageStatus), ("finding", Finding), ("verdict", Verdict), ("method", Method)],
)
def test_the_glossary_has_the_words_of_the_contract(entry: str, kind: type[Finding]) -> None:
    assert [word for word in kind if word not in glossary()[entry]] == []


def test_decisions_are_numbered_and_titled() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [int(record.name[:4]) for record in records]
    assert numbers == list(range(1, len(records) + 1))
    for record in records:
        title = record.read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {record.name[:4]} "), record.name


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall(document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []
