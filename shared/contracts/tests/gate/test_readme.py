"""The section "Start from nothing" of README.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^   ```(\w+)\n(.*?)^   ```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_start_from_nothing_works_as_it_is_written(tmp_path: Path) -> None:
    install, *commands = [
        "".join(each[3:] for each in text.splitlines(True)) for kind, text in BLOCKS if kind == "sh"
    ]
    for _, text in (each for each in BLOCKS if each[0] != "sh"):
        name, *lines = [line[3:] or "\n" for line in text.splitlines(keepends=True)]
        path = tmp_path / name.removeprefix("# ").strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")

    def run(script: str) -> str:
        # This environment has what the first two lines install.
        who = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.c GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.c"
        path = f'export PATH="{Path(sys.executable).parent}:$PATH"'
        command = ["sh", "-euc", f"{who}\n{path}\n{script}"]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    run("".join(line for line in install.splitlines(True) if line.startswith(("git", "printf"))))
    output = "".join(map(run, commands))
    assert "catalog: 1 of 1 interactions verified." in output
    assert (
        "GET /books/{book_id}: 200 $.title\n  shop: a book, tests/contract/test_catalog" in output
    )
    main = tmp_path / "services/catalog/app/main.py"
    main.write_text(main.read_text().replace("title: str", "name: str"))
    conftest = tmp_path / "services/catalog/tests/contract/conftest.py"
    conftest.write_text(conftest.read_text().replace("title=", "name="))
    assert "catalog breaks shop: a book" in run("contracts check catalog || true")
