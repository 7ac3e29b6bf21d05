"""The interaction that docs/contracts.md adds can be added as it stands there."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from service_testing.contracts.pact_files import read_all

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/contracts.md"


# It imports the whole service, on a machine that does other things too.
@pytest.mark.slow
def test_documented_interaction_is_recorded_as_it_stands_there(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (example,) = re.findall(r"^   ```python\n(.*?)^   ```$", text, re.MULTILINE | re.DOTALL)
    (path,) = re.findall(r"`(services/items/tests/contract/test_\w+\.py)`", text)
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    shutil.copytree(
        ROOT / "services/items",
        tmp_path / "services/items",
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
    )
    file = tmp_path / path
    file.write_text(textwrap.dedent(example), encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--contracts-output={tmp_path / 'out'}", str(file)],
        cwd=tmp_path / "services/items",
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout
    (recorded,) = read_all(tmp_path / "out")
    assert recorded.description in example
    assert recorded.test.startswith(path.removeprefix("services/items/"))
