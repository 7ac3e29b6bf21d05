"""The trial of edits fails for each edit that doesn't do what the table says of it."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import check_contract_drift
import pytest
from contract_drift import copies, findings, quick_runs, warm
from contract_drift.edits import WrongTable, read_edits
from running import TOOLS

pytestmark = pytest.mark.slow

Runs = Callable[..., "subprocess.CompletedProcess[str]"]

ROOT = TOOLS.parent

# A gate that knows one rule: the module must have a `name`. It says so in the real one's words.
GATE = """
import sys
from pathlib import Path
text = Path(__file__).parents[1].joinpath("services/users/app.py").read_text()
if "--update" not in sys.argv and "name" not in text:
    test = "tests/contract/test_consumers.py::test_interaction_is_kept"
    print(f"FAILED {test}[items: a look-up] - users breaks items: a look-up")
    sys.exit(1)
"""
TEST = 'def test_order(): assert "ordered" in open("app.py").read()'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a service of one module, a test of it, and that gate."""
    root = tmp_path / "checkout"
    for folder in ("services/users", "shared/chassis", "tools"):
        (root / folder).mkdir(parents=True)
    (root / "services/users/app.py").write_text("name, ordered = 1, 2\n")
    (root / "services/users/test_app.py").write_text(TEST)
    (root / "shared/chassis/README.md").touch()  # git keeps no empty folder
    (root / "tools/check_contracts.py").write_text(GATE)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def edit(name: str, kind: str = "breaking", *, old: str = "name", new: str, more: str = "") -> str:
    if kind == "breaking" and not more:
        more = 'caught_by = "provider verification"\nnames = "a look-up"'
    return (
        f'[[{kind}]]\nid = "{name}"\nwhat = "It changes"\nfile = "services/users/app.py"\n'
        f'old = "{old}"\nnew = "{new}"\n{more}\n'
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "edits"
    folder.mkdir()
    return folder


def try_edits(checkout: Path, table: Path, *edits: str, options: tuple[str, ...] = ()) -> int:
    (table / "edits.toml").write_text("\n".join(edits))
    return check_contract_drift.main(checkout, table, ["--workers=1", *options])


class TestVerdict:
    def test_trial_passes_when_each_edit_does_what_the_table_says(
        self, checkout: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = try_edits(
            checkout,
            table,
            edit("renamed", new="title"),
            edit("commented", "harmless", new="name, other"),
            edit(
                "unordered",
                "beyond",
                old="ordered",
                new="any",
                more='test = "services/users test_app.py"',
            ),
        )
        output, errors = capsys.readouterr()
        assert errors == ""
        assert "| renamed | It changes | provider verification | a look-up |" in output
        assert "1 of 1 breaking edits are caught and named, 1 of 1 harmless ones pass" in output
        assert code == 0
        assert (checkout / "services/users/app.py").read_text() == "name, ordered = 1, 2\n"

    def test_trial_fails_for_each_that_does_not(
        self, checkout: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        of_order = 'test = "services/users test_app.py"'
        wrong = {
            edit("slips", new="name, x"): "It breaks something, and slipped through.",
            edit("flagged", "harmless", new="title"): "It is harmless, and flagged.",
            edit(
                "stale", old="gone", new="x"
            ): "app.py has this 0 times, not once. Mend the table.",
            edit("often", old="e", new="x"): "app.py has this 3 times, not once. Mend the table.",
            edit("unnamed", new="x", more='caught_by = "drift"\nnames = "a look-up"'): (
                "It is caught, but not by drift naming `a look-up`:\n  provider verification: a"
            ),
            edit("untested", "beyond", new="name, x", more=of_order): (
                "services/users test_app.py doesn't fail for it."
            ),
            edit("seen", "beyond", new="x", more=of_order): "The gate sees it",
        }
        assert try_edits(checkout, table, *wrong) == 1
        output = capsys.readouterr().out
        assert output.count("**NOT AS IT SHOULD BE**") == len(wrong)
        assert [told for told in wrong.values() if told not in output] == []

    def test_trial_fails_for_one_among_many(self, checkout: Path, table: Path) -> None:
        good, slips = edit("good", new="title"), edit("slips", new="name, x")
        assert try_edits(checkout, table, slips, good) == 1

    def test_trial_fails_when_the_gate_is_red_before_any_edit(
        self, checkout: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (checkout / "services/users/app.py").write_text("ordered = 2")
        assert try_edits(checkout, table, edit("renamed", old="ordered", new="x")) == 1
        assert "The gate is red without an edit.\nFAILED" in capsys.readouterr().err


class TestTable:
    def test_table_has_enough_of_each_kind(self) -> None:
        kinds = Counter(each.kind for each in read_edits(check_contract_drift.EDITS))
        assert kinds["breaking"] >= 60
        assert kinds["harmless"] >= 20
        assert kinds["beyond"] >= 10

    def test_each_edit_is_one_of_the_code_as_it_is(self, tmp_path: Path) -> None:
        for each in read_edits(check_contract_drift.EDITS):
            folder = tmp_path / each.id
            for replacement in each.replacements:
                path = folder / replacement.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes((ROOT / replacement.file).read_bytes())
            copies.Copy(folder).apply(each)
            for path in folder.rglob("*.py"):
                compile(path.read_text(), path, "exec")

    def test_each_breaking_edit_is_caught_by_a_part_of_the_gate(self) -> None:
        for each in read_edits(check_contract_drift.EDITS):
            assert each.caught_by in (findings.PARTS if each.kind == "breaking" else [""]), each.id

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ("[[dangerous]]", "is none of breaking, harmless, beyond"),
            (edit("a", new="x", more='caught_by = "drift"'), "a: missing or unknown: names"),
            (edit("a", "harmless", new="x", more='names = "it"'), "a: missing or unknown: names"),
            (edit("a", new="x") * 2, "There are two edits a"),
        ],
        ids=["kind", "missing", "unknown", "twice"],
    )
    def test_table_that_is_wrong_is_told(self, table: Path, wrong: str, told: str) -> None:
        (table / "edits.toml").write_text(wrong)
        with pytest.raises(WrongTable, match=told):
            read_edits(table)


class TestOptions:
    def test_list_names_the_edits_and_tries_none(
        self, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert try_edits(tmp_path, table, edit("a", new="x"), options=("--list",)) == 0
        assert "breaking  a " in capsys.readouterr().out

    def test_only_takes_the_edits_that_it_names(
        self, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        edits = [edit(name, new="x") for name in "abc"]
        assert try_edits(tmp_path, table, *edits, options=("--list", "--only=b")) == 0
        assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["b"]

    def test_only_an_edit_that_there_is_not_is_an_error(
        self, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert try_edits(tmp_path, table, edit("a", new="x"), options=("--only=b",)) == 2
        assert "There is no edit b: see --list." in capsys.readouterr().err

    def test_sample_is_spread_over_the_table_and_always_the_same(
        self, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        edits = [edit(name, new="x") for name in "abcdefg"]
        assert try_edits(tmp_path, table, *edits, options=("--list", "--sample=3")) == 0
        assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["a", "c", "e"]


class TestQuickRuns:
    """They have to come to what the real `subprocess.run` comes to."""

    @pytest.fixture
    def run(self, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
        (tmp_path / "memory").mkdir()
        (checkout / "contracts").mkdir()
        monkeypatch.setattr(subprocess, "run", subprocess.run)
        quick_runs.install(tmp_path / "memory")

        def in_the_service(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(  # noqa: UP022 - as the gate calls it
                [sys.executable, *arguments],
                cwd=checkout / "services/users",
                env={"A": "b"},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=20,
                check=False,
            )

        return in_the_service

    def test_run_has_the_output_the_errors_and_the_code(self, run: Runs) -> None:
        code = "import os, sys; print(os.environ); print('no', file=sys.stderr); sys.exit(3)"
        done = run("-c", code)
        assert (done.returncode, done.stdout, done.stderr) == (3, "environ({'A': 'b'})\n", "no\n")

    def test_run_that_is_known_is_not_made_again(self, run: Runs) -> None:
        code = "import time; print(time.monotonic())"
        assert run("-c", code).stdout == run("-c", code).stdout

    def test_run_is_made_again_when_the_code_has_changed(self, run: Runs, checkout: Path) -> None:
        code = "import app; print(app.name)"
        assert run("-c", code).stdout == "1\n"
        (checkout / "services/users/app.py").write_text("name, ordered = 30, 20\n")
        assert run("-c", code).stdout == "30\n"

    def test_code_with_options_is_the_copy_s_too(self, run: Runs, checkout: Path) -> None:
        """The real Python would import what is installed: an edit of it would slip through."""
        code = "import chassis, sys; print(chassis.__file__, sys.argv[:2])"
        (checkout / "shared/chassis/src/chassis").mkdir(parents=True, exist_ok=True)
        (checkout / "shared/chassis/src/chassis/__init__.py").touch()
        done = run("-c", code, "-q")
        assert done.stdout == f"{checkout}/shared/chassis/src/chassis/__init__.py ['-c', '-q']\n"

    @pytest.mark.parametrize(("options", "is_known"), [(["-q"], False), ([], True)])
    def test_only_code_without_options_reads_no_pacts(
        self, run: Runs, checkout: Path, options: list[str], is_known: bool
    ) -> None:
        code = "import time; print(time.monotonic())"
        first = run("-c", code, *options)
        (checkout / "contracts/pacts").mkdir()
        (checkout / "contracts/pacts/items-users.json").write_text("{}")
        assert (run("-c", code, *options).stdout == first.stdout) == is_known

    def test_python_otherwise_called_is_an_error(self, run: Runs) -> None:
        with pytest.raises(ValueError, match="app"):
            run("-m", "app")

    def test_process_that_does_not_end_is_killed(self, checkout: Path) -> None:
        started = time.monotonic()
        with pytest.raises(warm.TookTooLong):
            warm.run_python(
                ["-c", "import time; time.sleep(60)"],
                cwd=checkout,
                environment={},
                output=checkout / "output",
                errors=checkout / "output",
                timeout_seconds=0.5,
            )
        assert time.monotonic() - started < 30
