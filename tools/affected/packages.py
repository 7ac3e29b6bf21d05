"""The repository's packages, and which of them each one needs: from packaging and from imports."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = "python"
"""The node of all Python code and its settings."""
PACKAGING = "packaging"
"""The node of what the packages say of themselves."""
_CODE_FOLDERS = ("app", "migrations", "src")


@dataclass(frozen=True, kw_only=True)
class Package:
    """A folder with a pyproject.toml of its own; the needs are distributions of this repository."""

    folder: str
    distribution: str
    import_names: tuple[str, ...]
    """What others import it by; a service is imported by none."""
    code_needs: frozenset[str]
    tests_need: frozenset[str]

    @property
    def name(self) -> str:
        return self.folder.rpartition("/")[2]

    @property
    def is_service(self) -> bool:
        return self.folder.startswith("services/")

    def part_of(self, file: str) -> str:
        """The node that a file of this package belongs to: its code, its tests, or its image."""
        inside = file.removeprefix(f"{self.folder}/").split("/")
        if len(inside) > 1:
            return self.code if inside[0] in _CODE_FOLDERS else f"{self.folder}/{inside[0]}"
        return self.code if inside == ["pyproject.toml"] else f"{self.folder}/image"

    @property
    def code(self) -> str:
        return f"{self.folder}/code"

    @property
    def pins(self) -> str:
        """What its image installs."""
        return f"deploy/requirements/{self.name}.txt"

    @property
    def tests(self) -> str:
        return f"{self.folder}/tests"


def read_packages(root: Path) -> list[Package]:
    files = sorted([*root.glob("services/*/pyproject.toml"), *root.glob("shared/*/pyproject.toml")])
    return [_read(root, file) for file in files]


def _read(root: Path, file: Path) -> Package:
    settings: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    project = settings["project"]
    extras = project.get("optional-dependencies", {}).values()
    groups = settings.get("dependency-groups", {}).values()
    tox_dependencies = settings["tool"]["tox"]["env_run_base"]["deps"]
    built = settings["tool"].get("hatch", {}).get("build", {}).get("targets", {})
    return Package(
        folder=file.parent.relative_to(root).as_posix(),
        distribution=project["name"],
        import_names=tuple(
            Path(folder).name for folder in built.get("wheel", {}).get("packages", [])
        ),
        code_needs=_names([*project["dependencies"], *_flat(extras)]),
        tests_need=_names(_flat(groups)) | _installed(file.parent, tox_dependencies),
    )


def _names(requirements: Iterable[str]) -> frozenset[str]:
    return frozenset(re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in requirements)


def _flat(groups: Iterable[list[str]]) -> Iterator[str]:
    for group in groups:
        yield from group


def _installed(folder: Path, tox_dependencies: Iterable[str]) -> frozenset[str]:
    """The distributions that tox installs from this repository, `-e ../../shared/chassis[otel]`."""
    paths = [each.removeprefix("-e ") for each in tox_dependencies if each.startswith("-e ")]
    found = [folder / re.sub(r"\[.*\]$", "", path) / "pyproject.toml" for path in paths]
    return frozenset(tomllib.loads(file.read_text())["project"]["name"] for file in found)


def imported_modules(file: Path) -> set[str]:
    """What it imports anywhere in it, dotted; of `from a import b` both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
