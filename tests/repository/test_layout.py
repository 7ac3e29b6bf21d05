"""A service is a folder: it looks like the others, and nothing outside it names it."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from stack import each_service

import workspace
from workspace import ROOT, Service

SERVICES = workspace.services()
LAYOUT = [
    ".gitlab-ci.yml",
    "README.md",
    "pyproject.toml",
    "app/main.py",
    "app/__main__.py",
    "app/cli.py",
    "app/settings.py",
    "app/schemas.py",
    "app/dependencies.py",
    "app/errors.py",
    "app/routers",
    "app/services",
    "tests/conftest.py",
    "tests/factories.py",
    "tests/helpers.py",
    "tests/unit",
    "tests/integration",
    "deploy/compose.yml",
    "deploy/requirements.txt",
    "deploy/{name}.locations.conf",
    "deploy/{name}.dashboard.json",
    "deploy/{name}.scrape.yml",
    "deploy/{name}.rules.yml",
    "deploy/{name}.rules_test.yml",
]
WITH_DATABASE = ["app/models.py", "app/database.py", "app/repositories", "migrations/env.py"]
MAY_NAME_SERVICES = (
    "services/*",
    "contracts/*",
    "tests/e2e/*",
    "tests/new_service/*",
    "tests/repository/*",  # a new service may have the name of a made-up one
    "bench/*",
    "*.md",
    "*.svg",
    "docs/images/*",
    "constraints.txt",  # its comments say who asks for a package
)
"""Exceptions of the rule: what is about these services, and prose."""
MAY_NAME_IN_ONE_LINE = ("docker-compose.yml", "deploy/kubernetes/*", "*.code-workspace")
"""These include the service's own files, in one line for each."""

GIT_FILES = ["/usr/bin/env", "git", "ls-files"]


class TestFolder:
    @each_service
    def test_service_has_each_file_where_every_other_one_has_it(self, service: Service) -> None:
        files = [name.format(name=service.name) for name in LAYOUT]
        files += WITH_DATABASE if service.database else []
        assert [name for name in files if not (service.folder / name).exists()] == []

    @each_service
    def test_fakes_are_compared_with_the_contracts(self, service: Service) -> None:
        settings = tomllib.loads((service.folder / "pyproject.toml").read_text())["tool"]["pytest"]
        folder = service.folder / settings["ini_options"]["contracts"]
        assert folder.samefile(ROOT / "contracts")

    @each_service
    def test_page_of_settings_is_the_same_whichever_python_wrote_it(self, service: Service) -> None:
        # For `Annotated[...] | None` it has `Annotated` or `typing.Annotated`.
        assert "Annotated" not in (service.folder / "deploy/settings.md").read_text()

    @each_service
    def test_package_has_the_environments_that_every_package_has(self, service: Service) -> None:
        everywhere = {"py311", "py312", "py313", "py314", "quick", "lint", "types", "coverage"}
        assert everywhere <= set(workspace.tox_envs(service.folder))


class TestCode:
    @each_service
    def test_queries_are_built_in_repositories_only(self, service: Service) -> None:
        found = [
            str(file.relative_to(service.folder))
            for file in (service.folder / "app").rglob("*.py")
            if "repositories" not in file.parts and re.search(r"\bselect\(", file.read_text())
        ]
        assert found == []

    @each_service
    def test_signatures_have_real_types(self, service: Service) -> None:
        found = [
            f"{file.relative_to(service.folder)}: {function.name}"
            for file in (service.folder / "app").rglob("*.py")
            for function in ast.walk(ast.parse(file.read_text()))
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            and any("Any" in words_of(each) for each in annotations(function))
        ]
        assert found == []


def annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    arguments = function.args
    optional = [each for each in (arguments.vararg, arguments.kwarg) if each]
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *optional):
        if each.annotation:
            yield each.annotation
    if function.returns:
        yield function.returns


def words_of(annotation: ast.expr) -> set[str]:
    return set(re.findall(r"\w+", ast.unparse(annotation)))


class TestTests:
    @each_service
    def test_no_folder_of_tests_is_a_package(self, service: Service) -> None:
        assert list((service.folder / "tests").rglob("__init__.py")) == []

    @each_service
    def test_names_of_tests_are_sentences(self, service: Service) -> None:
        files = (service.folder / "tests").rglob("test_*.py")
        names = [name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())]
        assert names
        assert [name for name in names if name.count("_") < 2] == []


class TestNames:
    @each_service
    def test_nothing_outside_a_service_names_it(self, service: Service) -> None:
        listed = subprocess.run(GIT_FILES, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        found: list[str] = []
        for name in listed.stdout.decode().splitlines():
            if (ROOT / name).is_file() and not any(
                fnmatch(name, each) for each in MAY_NAME_SERVICES
            ):
                lines = lines_that_name(service.name, ROOT / name)
                allowed = any(fnmatch(name, each) for each in MAY_NAME_IN_ONE_LINE)
                found += [f"{name}:{line}" for line in lines[1 if allowed else 0 :]]
        assert found == []

    @pytest.mark.parametrize(
        "text",
        ["COPY services/orders/app", "ORDERS_URL=x", "host: orders-db", "curl http://orders:8000"],
    )
    def test_name_is_found(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "file").write_text(f"one\n{text}\n")
        assert lines_that_name("orders", tmp_path / "file") == [2]

    @pytest.mark.parametrize(
        "text", ["orders = 3", "REORDERS_X", "services/orders-old", "/orders/"]
    )
    def test_word_that_is_no_name_is_allowed(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "file").write_text(text)
        assert lines_that_name("orders", tmp_path / "file") == []


def lines_that_name(service: str, file: Path) -> list[int]:
    """The numbers of the lines that name a service, by a path, a variable, a container or a host."""
    variable = service.upper().replace("-", "_")
    patterns = rf"services/{service}\b(?!-)|\b{variable}_|\b{service}-db\b|//{service}\b"
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    return [number for number, line in enumerate(lines, 1) if re.search(patterns, line)]
