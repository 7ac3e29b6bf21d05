"""Both pipelines are valid and safe, every tracked file is in a list of paths, and the commands exist."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stack import PROGRAMS, ROOT, SERVICES, program_errors, read_yaml, schema_errors

import workspace

GITLAB = sorted((ROOT / ".gitlab").glob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
GITLAB_SCHEMA = ("vendor.gitlab-ci", "--data-transform", "gitlab-ci")
# Not `safe`, which knows no `!reference`.
COMMON: dict[str, Any] = YAML().load(ROOT / ".gitlab/common.yml")
each_package = pytest.mark.parametrize("package", workspace.packages(), ids=lambda path: path.name)


def safety_errors(*files: Path) -> str:
    return program_errors(PROGRAMS / "zizmor", "--offline", "--pedantic", *files)


def inserted(file: Path, **inputs: str) -> str:
    """The jobs of a file with inputs, as GitLab inserts them."""
    text = file.read_text(encoding="utf-8").partition("\n---\n")[2]
    for name, value in inputs.items():
        text = text.replace(f"$[[ inputs.{name} ]]", value)
    assert "$[[" not in text
    return text


SERVICE_TEXT = inserted(ROOT / ".gitlab/service.yml", service="orders")
PACKAGE_TEXT = inserted(
    ROOT / ".gitlab/package.yml", name="orders", folder="services/orders", packages=""
)
SERVICE_JOBS: dict[str, Any] = YAML().load(SERVICE_TEXT)
PACKAGE_JOBS: dict[str, Any] = YAML().load(PACKAGE_TEXT)


class TestGitLab:
    def test_files_are_valid(self, tmp_path: Path) -> None:
        service, package = tmp_path / "service.yml", tmp_path / "package.yml"
        service.write_text(SERVICE_TEXT)
        package.write_text(PACKAGE_TEXT)
        plain = [file for file in GITLAB if file.name not in {service.name, package.name}]
        files = [ROOT / ".gitlab-ci.yml", *plain, service, package]
        assert schema_errors(*GITLAB_SCHEMA, *files) == ""

    def test_misspelt_key_is_an_error(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.yml"
        broken.write_text("lint:\n  script: [tox]\n  interruptible: perhaps\n")
        assert "interruptible" in schema_errors(*GITLAB_SCHEMA, broken)

    @each_package
    def test_package_brings_its_jobs(self, package: Path) -> None:
        [include] = read_yaml(package / ".gitlab-ci.yml")["include"]
        folder = package.relative_to(ROOT).as_posix()
        if package.parent.name == "services":
            assert include["local"] == ".gitlab/service.yml"
            assert include["inputs"] == {"service": package.name}
        else:
            assert include["local"] == ".gitlab/package.yml"
            assert include["inputs"]["folder"] == folder
        patterns = {each.get("local") for each in read_yaml(ROOT / ".gitlab-ci.yml")["include"]}
        assert f"{package.parent.name}/*/.gitlab-ci.yml" in patterns

    def test_service_has_every_job(self) -> None:
        assert SERVICE_JOBS.keys() == {
            "include",
            "contract provider orders",
            "image orders",
            "deploy orders",
        }

    def test_job_names_are_not_reserved(self) -> None:
        """https://docs.gitlab.com/ci/jobs/#job-names. `pages` is meant as the job that publishes pages."""
        names = {
            name
            for file in GITLAB
            for name in re.findall(r"^(\w+):", file.read_text(), re.MULTILINE)
        }
        assert names & {"types", "cache", "before_script", "after_script", "true", "nil"} == set()

    def test_only_the_runners_failures_are_repeated(self) -> None:
        default = read_yaml(ROOT / ".gitlab-ci.yml")["default"]
        assert not {"always", "script_failure"} & set(default["retry"]["when"])


class TestPaths:
    """A change of any file runs the jobs that it can break."""

    @staticmethod
    def _pattern(glob: str) -> str:
        """A GitLab glob as a regular expression: `**/` is any folders, `*` a part of a name."""
        parts = re.split(r"(\*\*/|\*|\{|\}|,)", glob)
        known = {"**/": "(?:.*/)?", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|"}
        return "".join(known.get(part, re.escape(part)) for part in parts)

    def _paths(self, rules: list[dict[str, Any]]) -> list[str]:
        changes = [rule["changes"] for rule in rules if "changes" in rule]
        assert all(each["compare_to"] == "refs/heads/main" for each in changes)
        return [path for each in changes for path in each["paths"]]

    def _matches(self, file: str, globs: list[str]) -> bool:
        return any(re.fullmatch(self._pattern(glob), file) for glob in globs)

    def _lists(self) -> list[str]:
        templates = (".everything", ".services", ".contract-files")
        lists = [path for name in templates for path in self._paths(COMMON[name]["rules"])]
        # The documentation is looked at by the jobs that always run.
        return [*lists, "docs/**/*", "**/*.md"]

    def test_every_tracked_file_is_in_a_list(self) -> None:
        listing = ["git", "ls-files"]
        files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
        tracked = files.stdout.splitlines()
        assert len(tracked) > 100
        assert [file for file in tracked if not self._matches(file, self._lists())] == []

    @pytest.mark.parametrize("file", ["stray.bin", "new/main.py", "new/.hidden"])
    def test_file_that_is_in_no_list_is_found(self, file: str) -> None:
        assert not self._matches(file, self._lists())

    @pytest.mark.parametrize(
        ("file", "is_everything"),
        [
            ("tox.ini", True),
            (".secrets.baseline", True),
            ("shared/chassis/src/chassis/py.typed", True),
            ("README.md", False),
            ("docs/adr/0001.md", False),
            ("services/orders/app/main.py", False),
        ],
    )
    def test_shared_files_run_everything(self, file: str, is_everything: bool) -> None:
        paths = self._paths(COMMON[".everything"]["rules"])
        assert self._matches(file, paths) is is_everything

    def test_services_jobs_run_for_its_own_files(self) -> None:
        for jobs in (SERVICE_JOBS, PACKAGE_JOBS):
            for name, job in jobs.items():
                if name.startswith(("test ", "image ")):
                    own = [rule for rule in job["rules"] if "changes" in rule]
                    assert self._paths(own) == ["services/orders/**/*"]


class TestGitHub:
    def test_files_are_valid(self) -> None:
        assert WORKFLOWS
        assert ACTIONS
        assert schema_errors("vendor.github-workflows", *WORKFLOWS) == ""
        assert schema_errors("vendor.github-actions", *ACTIONS) == ""

    def test_nothing_unsafe_is_found(self) -> None:
        assert safety_errors(ROOT / ".github") == ""

    @pytest.mark.parametrize(
        ("line", "finding"),
        [
            ("uses: actions/checkout@v7", "unpinned-uses"),
            ("run: echo ${{ github.event.pull_request.title }}", "template-injection"),
        ],
    )
    def test_unsafe_line_is_found(self, tmp_path: Path, line: str, finding: str) -> None:
        workflow = tmp_path / ".github/workflows/unsafe.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(
            f"on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - {line}\n"
        )
        assert finding in safety_errors(workflow)

    @pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint isn't installed")
    def test_actionlint_finds_nothing(self) -> None:
        # zizmor asks for `$/`, which actionlint doesn't know yet.
        unknown = r'specifying action "\$/'
        assert program_errors("actionlint", "-ignore", unknown, *WORKFLOWS) == ""

    def test_packages_are_discovered(self, tmp_path: Path) -> None:
        if shutil.which("jq") is None:
            pytest.skip("jq isn't installed")
        [step] = [
            each
            for each in read_yaml(WORKFLOWS[0])["jobs"]["discover"]["steps"]
            if each.get("id") == "packages"
        ]
        output = tmp_path / "output"
        command = ["bash", "-euo", "pipefail", "-c", step["run"]]
        subprocess.run(command, cwd=ROOT, check=True, env={"GITHUB_OUTPUT": str(output)})
        found = dict(line.split("=", 1) for line in output.read_text().splitlines())
        packages = [folder.relative_to(ROOT).as_posix() for folder in workspace.packages()]
        assert YAML(typ="safe").load(found["packages"]) == packages
        assert YAML(typ="safe").load(found["services"]) == sorted(each.name for each in SERVICES)


@pytest.mark.parametrize("pipeline", [".gitlab/service.yml", ".github/workflows/test.yml"])
def test_image_comes_with_its_bill_of_materials_and_provenance(pipeline: str) -> None:
    words = (ROOT / pipeline).read_text(encoding="utf-8").split()
    assert {"--sbom=true", "--provenance=mode=max"} <= set(words)


def test_every_package_that_a_pipeline_installs_itself_has_a_hash() -> None:
    files = (*GITLAB, *WORKFLOWS, *ROOT.glob(".github/actions/*/*.yml"), ROOT / "Makefile")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    installs = re.findall(r"pip (?:--python \S+ )?install(?:.|\\\n)*", text)
    assert len(installs) == 4
    assert [each for each in installs if "--require-hashes" not in each] == []


def test_renovate_pins_images_and_actions() -> None:
    extends = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))["extends"]
    assert {"docker:pinDigests", "helpers:pinGitHubActionDigests"} <= set(extends)


def test_renovate_configuration_is_valid(tmp_path: Path) -> None:
    broken = tmp_path / "renovate.json"
    broken.write_text('{"schedule": 7}')
    assert schema_errors("vendor.renovate", ROOT / "renovate.json") == ""
    assert "schedule" in schema_errors("vendor.renovate", broken)


def test_every_tox_environment_in_the_pipelines_exists() -> None:
    listing = [sys.executable, "-m", "tox", "list", "--no-desc", "-q"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    known = set(listed.stdout.split())
    text = "\n".join(file.read_text(encoding="utf-8") for file in (*GITLAB, *WORKFLOWS))
    used = set(re.findall(r"tox -e ([\w-]+)", text))
    for names in re.findall(r"tox: \[(.+)\]", text):
        used |= set(names.split(", "))
    assert {"lint", "e2e", "contracts"} <= used
    assert used - known == set()


class TestDeployment:
    """The script of the job `deploy <service>`, with a tox that answers what the test wants."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "checkout"
        root.mkdir()
        self._git(tmp_path, "init", "-q", "--bare", "origin.git")
        self._git(root, "init", "-q")
        self._git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
        self._git(root, "commit", "-qm", "First", "--allow-empty")
        self._git(root, "tag", "deployed/production/orders")
        self._git(root, "push", "-q", "origin", "deployed/production/orders")
        self._git(root, "commit", "-qm", "Second", "--allow-empty")
        return root

    @staticmethod
    def _git(root: Path, *arguments: str) -> str:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        command = ["git", *author, *arguments]
        run = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        return run.stdout.strip()

    def _deploy(
        self, root: Path, *, can_deploy: bool = True, command: str = 'echo "$SERVICE" >> ran'
    ) -> subprocess.CompletedProcess[str]:
        programs = root.parent / "programs"
        programs.mkdir()
        tox = programs / "tox"
        tox.write_text(f'#!/bin/sh\necho "$@" > asked\nexit {0 if can_deploy else 1}\n')
        tox.chmod(0o700)
        job = SERVICE_JOBS["deploy orders"]
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "DEPLOY_COMMAND": command,
            "SERVICE": job["variables"]["SERVICE"],
            "REVISION": self._git(root, "rev-parse", "HEAD"),
        }
        script = "\n".join(job["script"])
        return subprocess.run(
            ["/bin/sh", "-euc", script],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _deployed(self, root: Path) -> str:
        return self._git(root.parent / "origin.git", "rev-parse", "deployed/production/orders")

    def test_tag_moves_after_the_command(self, root: Path) -> None:
        assert self._deploy(root).returncode == 0
        assert (root / "asked").read_text() == "-e contracts -- can-i-deploy orders\n"
        assert (root / "ran").read_text() == "orders\n"
        assert self._deployed(root) == self._git(root, "rev-parse", "HEAD")

    def test_service_that_cannot_be_deployed_is_not(self, root: Path) -> None:
        assert self._deploy(root, can_deploy=False).returncode == 1
        assert not (root / "ran").exists()
        assert self._deployed(root) == self._git(root, "rev-parse", "HEAD~1")

    def test_command_that_fails_leaves_the_tag(self, root: Path) -> None:
        assert self._deploy(root, command="false; true").returncode == 1
        assert self._deployed(root) == self._git(root, "rev-parse", "HEAD~1")

    def test_tag_that_cannot_be_pushed_is_reported_with_the_command(self, root: Path) -> None:
        self._git(root, "remote", "set-url", "origin", str(root / "nowhere"))
        run = self._deploy(root)
        assert run.returncode == 1
        assert "git push --force origin" in run.stdout
