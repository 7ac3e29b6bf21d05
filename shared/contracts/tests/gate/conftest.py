import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate.example import Example, InProcessRunner, make_template


@pytest.fixture(scope="session", autouse=True)
def _no_bytecode() -> Iterator[None]:
    """Edits within a second would otherwise run the bytecode of the file before the edit."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    yield
    sys.dont_write_bytecode = before


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, _no_bytecode: None) -> Path:
    folder = tmp_path_factory.mktemp("example")
    make_template(folder)
    return folder


@pytest.fixture
def example(template: Path, tmp_path: Path) -> Example:
    """A copy of the example workspace."""
    shutil.copytree(template / "workspace", tmp_path / "workspace")
    return Example(tmp_path / "workspace", InProcessRunner(template / "cache"))
