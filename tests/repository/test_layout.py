"""What makes the services easy to find one's way in, and to copy."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVICES = [ROOT / "services/users", ROOT / "services/items"]
LAYOUT = [
    "README.md",
    "pyproject.toml",
    "app/main.py",
    "app/models.py",
    "app/schemas.py",
    "app/database.py",
    "app/dependencies.py",
    "app/settings.py",
    "app/routers",
    "migrations/env.py",
    "tests/conftest.py",
    "tests/unit",
    "tests/integration",
]
NEIGHBOUR_METHODS = ("get_user", "fetch_keys", "pages", "deliver")
"""Of the protocols behind which a neighbour is: `Users`, `Directory` and `Sink`."""
LEAST_WORDS = 3
"""`test_<what>_<scenario>`: two words and the `test`."""

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)


@each_service
def test_a_service_has_each_file_where_every_other_one_has_it(service: Path) -> None:
    assert [path for path in LAYOUT if not (service / path).exists()] == []


@each_service
def test_a_conftest_is_short_because_the_testing_package_has_the_fixtures(service: Path) -> None:
    assert len((service / "tests/conftest.py").read_text().splitlines()) < 30


@each_service
def test_stand_ins_are_held_to_the_contracts(service: Path) -> None:
    options = tomllib.loads((service / "pyproject.toml").read_text())["tool"]["pytest"]
    folder = service / options["ini_options"]["contracts"]
    assert list((folder / "pacts").glob(f"{service.name}-*.json")) != []


@each_service
def test_fakes_of_a_neighbour_say_what_they_give(service: Path) -> None:
    """A transport is looked at by the plugin; a fake with the client's own methods has to speak."""
    methods = {
        f"{path.name}: {fake.name}.{node.name}": ast.unparse(node)
        for path in sorted((service / "tests").rglob("*.py"))
        for fake in ast.walk(ast.parse(path.read_text()))
        if isinstance(fake, ast.ClassDef)
        for node in fake.body
        if isinstance(node, ast.AsyncFunctionDef) and node.name in NEIGHBOUR_METHODS
    }
    assert methods
    free = ("gives", "super().", "raise NotImplementedError")
    assert [name for name, text in methods.items() if not any(each in text for each in free)] == []


@each_service
def test_no_folder_of_tests_is_a_package(service: Path) -> None:
    """Two packages of the name `tests` would hide each other's modules."""
    assert list((service / "tests").rglob("__init__.py")) == []


@each_service
def test_the_name_of_each_test_says_what_and_when(service: Path) -> None:
    names = [
        name for path in (service / "tests").rglob("test_*.py") for name in names_of_tests(path)
    ]
    assert len(names) > 100
    assert [name for name in names if name.count("_") + 1 < LEAST_WORDS] == []


@each_service
def test_no_test_hides_another_of_the_same_name(service: Path) -> None:
    for path in (service / "tests").rglob("test_*.py"):
        names = list(names_of_tests(path, qualified=True))
        assert len(names) == len(set(names)), path


def names_of_tests(path: Path, *, qualified: bool = False) -> list[str]:
    found = []
    for parent in ast.walk(ast.parse(path.read_text())):
        if isinstance(parent, ast.Module | ast.ClassDef):
            prefix = f"{getattr(parent, 'name', '')}." if qualified else ""
            found += [
                f"{prefix}{node.name}"
                for node in parent.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name.startswith("test_")
            ]
    return found
