"""Both pipelines are what their hosts' schemas describe, and the one on GitHub is safe."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gitlab_pipeline import KEYWORDS, Pipeline
from running import TOOLS

ROOT = TOOLS.parent
PROGRAMS = Path(sys.executable).parent
GITLAB = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
GITHUB_ACTIONS = ["--builtin-schema", "vendor.github-actions"]
GITHUB = ["--builtin-schema", "vendor.github-workflows"]


def check_schema(options: list[str], *files: Path) -> str:
    """What check-jsonschema has against the files."""
    command = [PROGRAMS / "check-jsonschema", *options, *files]
    return complaints([str(word) for word in command])


def check_safety(*files: Path) -> str:
    """What zizmor has against the files. It doesn't ask GitHub anything."""
    return complaints([str(PROGRAMS / "zizmor"), "--offline", "--pedantic", *map(str, files)])


def complaints(command: list[str]) -> str:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr if run.returncode else ""


class TestGitLab:
    def test_it_is_valid_with_all_that_it_includes(self, tmp_path: Path) -> None:
        """A schema knows no file with inputs: what is checked is what comes of them."""
        pipeline = Pipeline(ROOT)
        expanded = tmp_path / "expanded.json"
        kept = {name: pipeline.settings[name] for name in KEYWORDS if name in pipeline.settings}
        expanded.write_text(json.dumps(kept | pipeline.templates))

        assert len(pipeline.templates) > 10
        assert check_schema(GITLAB, ROOT / ".gitlab-ci.yml", expanded) == ""

    def test_a_misspelt_key_is_found(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.yml"
        broken.write_text("lint:\n  script: [tox]\n  retries: 2\n  interruptible: perhaps\n")

        assert "interruptible" in check_schema(GITLAB, broken)


def test_what_the_updating_bot_is_told_is_valid(tmp_path: Path) -> None:
    schema = ["--builtin-schema", "vendor.renovate"]
    broken = tmp_path / "renovate.json"
    broken.write_text('{"schedule": 7}')

    assert check_schema(schema, ROOT / "renovate.json") == ""
    assert "schedule" in check_schema(schema, broken)


class TestGitHub:
    def test_workflows_and_actions_are_valid(self) -> None:
        workflows = list((ROOT / ".github/workflows").glob("*.yml"))
        actions = list((ROOT / ".github/actions").glob("*/action.yml"))

        assert workflows
        assert actions
        assert check_schema(GITHUB, *workflows) == ""
        assert check_schema(GITHUB_ACTIONS, *actions) == ""

    def test_a_misspelt_key_is_found(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.yml"
        broken.write_text("on: push\njobs: {a: {runs-on: x, step: []}}\n")

        assert "step" in check_schema(GITHUB, broken)

    def test_nothing_unsafe_is_found(self) -> None:
        assert check_safety(ROOT / ".github") == ""

    @pytest.mark.parametrize(
        ("line", "finding"),
        [
            ("uses: actions/checkout@v7", "unpinned-uses"),
            ("run: echo ${{ github.event.pull_request.title }}", "template-injection"),
        ],
    )
    def test_what_is_unsafe_is_found(self, tmp_path: Path, line: str, finding: str) -> None:
        workflow = tmp_path / ".github/workflows/unsafe.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(
            f"on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - {line}\n"
        )

        assert finding in check_safety(workflow)
