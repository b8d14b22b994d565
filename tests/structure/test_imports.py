"""Who may import whom. Read from the source, so that a forbidden import fails before it runs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from backends.contract import Backend
from tests.structure.tree import PRODUCT, ROOT, Module, modules, names, parse, target, third_party

# package -> the packages of ours that it may import
ALLOWED = {
    "attestations": {"attestations"},
    "backends": {"backends"},
    "shredder": {"shredder", "backends", "attestations"},
    "demo": {"demo", "shredder", "backends", "attestations"},
    "bench": {"bench", "demo", "shredder", "backends", "attestations", "tests"},
    "tests": {"tests", "bench", "demo", "shredder", "backends", "attestations"},
}

# What the upper floor may know of the backends: no kind of store by name.
UPPER_KNOWS = {"backends.contract", "backends.errors", "backends.scrub", "backends.wrappers"}
UPPER_KNOWS |= {"backends.deposit", "backends.lanes"}  # compiled code, of whatever
UPPER_KNOWS |= {"backends.agefile", "backends.sealedvalue"}  # the formats of what is sealed
# What overwrites in place, and tells whether it did: the key store's file is no holding.
UPPER_KNOWS |= {f"backends.fsops.{name}" for name in ("extents", "ground", "overwrite")}

# Where the upper floor meets the attestations.
ATTESTING = (
    "shredder.certificate",
    "shredder.evidence",
    "shredder.keys",
    "shredder.own",
    "shredder.signing",
    "shredder.sealed",
    "shredder.cli",
)

# What an auditor installs, and what the file backends need.
LIBRARIES = {
    "attestations": {"cryptography", "rfc3161_client"},
    "backends": {"boto3", "botocore", "charset_normalizer", "clevercsv", "cryptography"}
    | {
        "fastavro",
        "inflate64",
        "isal",
        "llvmlite",
        "lz4",
        "mypy_boto3_s3",
        "numba",
        "numpy",
        "psycopg",
        "pyarrow",
    }
    | {"pypdf", "pyppmd", "pytest", "python_calamine", "urllib3", "zstandard"},
    "shredder": {
        "blake3",
        "boto3",
        "botocore",
        "click",
        "cryptography",
        "distributed",
        "jeepney",
        "llvmlite",
        "numba",
        "numpy",
        "pkcs11",
        "secretstorage",
        "segno",
        "structlog",
        "typer",
        "typst",
    },
}

SIGNING = "attestations.signing"  # nobody who verifies needs it

DRIVERS = ("boto3", "botocore", "psycopg")


def crossings(module: Module) -> set[str]:
    """The imports of a module that its package must not have."""
    wrong = set()
    for imported in module.imports:
        package = imported.split(".", 1)[0]
        if package in ALLOWED and package not in ALLOWED[module.package]:
            wrong.add(imported)
    return wrong


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_downwards(package: str) -> None:
    wrong = {m.name: crossings(m) for m in modules() if m.package == package and crossings(m)}
    assert wrong == {}


def test_the_upper_floor_knows_the_contract_and_no_kind_of_store() -> None:
    wrong = {
        (module.name, imported)
        for module in modules()
        if module.package == "shredder"
        for imported in module.imports
        if imported.startswith("backends") and target(imported) not in UPPER_KNOWS
    }
    assert wrong == set()


def test_the_sweep_the_plan_and_the_journal_know_no_attestation() -> None:
    wrong = {
        module.name
        for module in modules()
        if module.package == "shredder"
        and any(imported.startswith("attestations") for imported in module.imports)
        and not module.name.startswith(ATTESTING)
    }
    assert wrong == set()


def test_private_modules_stay_behind_their_face() -> None:
    """``a._b`` is imported by ``a`` and what is in it; tests may look inside."""
    wrong = set()
    for module in modules():
        if module.package == "tests":
            continue
        for imported in module.imports:
            loaded = target(imported)
            parts = loaded.split(".")
            private = next((n for n, part in enumerate(parts) if part.startswith("_")), None)
            if loaded in names() and private is not None:
                owner = ".".join(parts[:private])
                if module.name != owner and not module.name.startswith(owner + "."):
                    wrong.add((module.name, imported))
    assert wrong == set()


@pytest.mark.parametrize("package", LIBRARIES)
def test_libraries_are_those_of_the_package(package: str) -> None:
    """An auditor installs no database driver, and an operator no more than is used."""
    of_it = [m for m in modules() if m.package == package and not m.name.startswith(SIGNING)]
    used = set().union(*map(third_party, of_it))
    assert used - LIBRARIES[package] == set()


def test_the_drivers_of_signers_are_theirs_alone() -> None:
    used = set().union(*(third_party(m) for m in modules() if m.name.startswith(SIGNING)))
    assert used == {"boto3", "botocore", "cryptography", "pkcs11"}


def test_pytest_is_imported_by_the_conformance_suite_only() -> None:
    users = {m.name for m in modules() if m.package in PRODUCT and "pytest" in third_party(m)}
    assert all(name.startswith("backends.conformance") for name in users)
    assert users


def test_a_crossing_is_seen(tmp_path: Path) -> None:
    """The reader of imports sees every way of writing one."""
    file = tmp_path / "made_up.py"
    file.write_text(
        "import shredder.plan as p\n"
        "from attestations import keys\n"
        "from . import sibling\n"
        "def later():\n    from ..shredder import cli\n"
    )
    module = parse("backends.part.made_up", file)
    assert module.imports == {
        "shredder.plan", "attestations.keys", "backends.part.sibling", "backends.shredder.cli",
    }  # fmt: skip
    assert crossings(module) == {"shredder.plan", "attestations.keys"}


def test_a_private_module_of_another_is_seen() -> None:
    """The rule above rests on target(): names in a module lead to the module."""
    assert target("backends.conformance._suite.HOOKS") == "backends.conformance._suite"
    assert target("backends.conformance._suite") == "backends.conformance._suite"


def backend_entry_points() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points: dict[str, str] = project["entry-points"]["shredder.backends"]
    return points


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    return set(run.stdout.decode().split())


@pytest.mark.parametrize("name", sorted(backend_entry_points()))
def test_a_backend_loads_without_its_driver(name: str) -> None:
    """Drivers load in open(): naming a backend in a file must not need its extra."""
    module = backend_entry_points()[name].partition(":")[0]
    assert loaded_after(f"import {module}") & set(DRIVERS) == set()


def test_a_driver_would_be_seen() -> None:
    assert loaded_after("import psycopg") & set(DRIVERS) == {"psycopg"}


def test_the_installed_entry_points_are_those_declared() -> None:
    installed = {point.name: point.value for point in entry_points(group="shredder.backends")}
    assert backend_entry_points().items() <= installed.items()


@pytest.mark.parametrize("name", sorted(backend_entry_points()))
def test_an_entry_point_leads_to_a_backend(name: str) -> None:
    (point,) = entry_points(group="shredder.backends", name=name)
    backend = point.load()
    assert isinstance(backend, Backend)
    assert backend.required <= set(backend.settings)
