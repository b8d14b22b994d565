"""The project's own files and what they import, read from the source."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("attestations", "backends", "shredder")
OURS = (*PRODUCT, "demo", "tests", "bench")


@dataclass(frozen=True)
class Module:
    """One Python file; `imports` are absolute names, `a.b` for ``from a import b`` too."""

    name: str
    path: Path
    lines: int
    imports: frozenset[str]

    @property
    def package(self) -> str:
        return self.name.split(".", 1)[0]


def parse(name: str, path: Path) -> Module:
    source = path.read_text("utf-8")
    imports: set[str] = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            imports.update(f"{base}.{alias.name}" for alias in node.names)
    return Module(name, path, source.count("\n"), frozenset(imports))


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every module of ours, by name."""
    found = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(parse(name, path))
    return tuple(found)


@functools.cache
def names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def target(imported: str) -> str:
    """The module that an import loads: ``a.b.c`` is `a.b` where `c` is a name in it."""
    return imported if imported in names() else imported.rpartition(".")[0]


def third_party(module: Module) -> set[str]:
    """The top-level packages of others that a module imports anywhere."""
    tops = {name.split(".", 1)[0] for name in module.imports}
    return tops - set(OURS) - set(sys.stdlib_module_names)


@functools.cache
def tracked() -> tuple[Path, ...]:
    """The files under version control; in an unpacked archive, all files of ours."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode()
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        folders = (*OURS, "docs", "requirements", ".ci")
        paths = [p for folder in folders for p in (ROOT / folder).rglob("*")]
        paths += [p for p in ROOT.iterdir() if p.suffix in {".md", ".toml"} or p.name == "Makefile"]
    return tuple(p for p in paths if p.is_file() and "__pycache__" not in p.parts)
