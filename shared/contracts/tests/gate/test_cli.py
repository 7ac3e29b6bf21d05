"""The command line, the configuration, and runs in processes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gate.example import Example

from contracts import cli
from contracts.errors import ContractError
from contracts.gate import runner
from contracts.gate.gate import Gate
from contracts.gate.runner import ProcessRunner
from contracts.gate.workspace import Participant, Settings, Workspace, find_root


def run(example: Example, *arguments: str) -> int:
    return cli.main(arguments, start=example.root / "services/shop", runner=example.runner)


class TestCommands:
    def test_check_runs_everything(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(example, "check") == 0
        output = capsys.readouterr().out
        for line in (
            "2 pacts and 3 descriptions are up to date.",
            "12 requests and responses conform",
            "catalog: no breaking change",
            "catalog: 14 of 14 interactions verified.",
            "shop as consumer of the deployed catalog: yes",
            "contracts check: done in",
        ):
            assert line in output

    @pytest.mark.parametrize(
        ("parts", "runs"),
        [
            (["consumers"], ["catalog", "mailer", "shop"]),
            (["catalog"], ["catalog"]),
            (["shop"], []),
        ],
        ids=str,
    )
    def test_part_runs_nothing_else(
        self, example: Example, parts: list[str], runs: list[str]
    ) -> None:
        assert run(example, "check", *parts) == 0
        assert example.runner.runs == runs

    def test_unknown_part_is_an_error(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(example, "check", "depot") == 1
        assert "There is no service `depot`; the services are: catalog" in capsys.readouterr().err

    def test_unknown_options_of_check_are_passed_to_the_providers(
        self, example: Example, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        original = example.runner.run_tests

        def recording(participant: Participant, *options: str) -> runner.Run:
            seen.extend(options)
            return original(participant, *options[1:])

        monkeypatch.setattr(example.runner, "run_tests", recording)
        assert run(example, "check", "catalog", "--database=postgres") == 0
        assert seen[0] == "--database=postgres"

    def test_unknown_options_of_other_commands_are_errors(self, example: Example) -> None:
        with pytest.raises(SystemExit):
            run(example, "update", "--database=postgres")

    def test_update_writes_what_changed(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(example, "update") == 0
        assert "contracts/ is up to date." in capsys.readouterr().out
        example.path("contracts/pacts/shop-catalog.json").unlink()
        assert run(example, "update") == 0
        assert "shop-catalog.json" in capsys.readouterr().out
        assert run(example, "check", "consumers") == 0

    @pytest.mark.parametrize(
        ("options", "answers"), [(["shop"], 1), ([], 4), (["--together"], 0)], ids=str
    )
    def test_can_i_deploy_asks_for_the_named_services(
        self,
        example: Example,
        capsys: pytest.CaptureFixture[str],
        options: list[str],
        answers: int,
    ) -> None:
        assert run(example, "can-i-deploy", *options) == 0
        assert capsys.readouterr().out.count(": yes") == answers

    def test_can_i_deploy_fails_if_one_answer_is_no(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.edit("contracts/pacts/shop-catalog.json", ('"Persuasion"', '"Sanditon"'))
        example.edit(
            "contracts/pacts/shop-catalog.json", ('"path": "/books/7"', '"path": "/titles/7"')
        )
        assert run(example, "can-i-deploy", "shop") == 1
        output = capsys.readouterr().out
        assert "shop as consumer of the deployed catalog: NO. Failed: `a book" in output
        assert "contracts can-i-deploy --together" in output


class TestWorkspace:
    def test_repository_without_configuration_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match=r"has a \[tool.contracts\] table"):
            find_root(tmp_path)

    def test_unknown_key_is_an_error(self, example: Example) -> None:
        path = example.root / "pyproject.toml"
        path.write_text(path.read_text() + 'service = "services/*"\n')
        with pytest.raises(ContractError, match="unknown key `service`"):
            Workspace.read(example.root)

    def test_repository_without_services_is_an_error(self, example: Example) -> None:
        path = example.root / "pyproject.toml"
        path.write_text('[tool.contracts]\nparticipants = "apps/*"\n')
        with pytest.raises(ContractError, match="there is nothing to check"):
            Workspace.read(example.root)


def participant(folder: Path, test: str = "") -> Participant:
    path = folder / "tests/contract/test_it.py"
    path.parent.mkdir(parents=True)
    (folder / "pytest.ini").touch()
    path.write_text(test)
    return Participant(name="shop", folder=folder)


@pytest.mark.slow
class TestProcesses:
    def test_description_is_read_from_the_app(self, example: Example) -> None:
        gate = Gate(example.gate.workspace, ProcessRunner(Settings()))
        assert gate.update() == []

    def test_app_that_cannot_be_built_is_an_error(self, example: Example) -> None:
        workspace = replace(example.gate.workspace, settings=Settings(openapi="app.main:app"))
        with pytest.raises(ContractError, match="catalog has no OpenAPI description") as raised:
            Gate(workspace, ProcessRunner(Settings())).update()
        assert "has no attribute 'app'" in str(raised.value)

    def test_environment_is_prepared_once(self, tmp_path: Path) -> None:
        service = participant(tmp_path, "def test_it(): pass")
        settings = Settings(prepare='sh -c "echo {name} >> \\"{folder}/prepared\\""')
        runs = ProcessRunner(settings)
        assert [runs.run_tests(service).code for _ in range(2)] == [0, 0]
        assert (tmp_path / "prepared").read_text() == "shop\n"

    @pytest.mark.parametrize("prepare", ["false", "no-such-command"])
    def test_environment_that_cannot_be_prepared_is_an_error(
        self, tmp_path: Path, prepare: str
    ) -> None:
        with pytest.raises(ContractError, match="shop: "):
            ProcessRunner(Settings(prepare=prepare)).run_tests(participant(tmp_path))

    def test_variables_have_the_name_of_the_service(self, tmp_path: Path) -> None:
        service = participant(
            tmp_path, "import os\ndef test_it(): assert os.environ['SHOP_MODE'] == 'test'"
        )
        settings = Settings(environment={"{NAME}_MODE": "test"})
        assert ProcessRunner(settings).run_tests(service).code == 0

    def test_tests_that_do_not_end_are_stopped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "RUN_SECONDS", 0.1)
        with pytest.raises(ContractError, match=r"shop: not finished after 0\.1 s\. Run its"):
            ProcessRunner(Settings()).run_tests(participant(tmp_path))

    def test_tests_that_leave_a_thread_behind_end_without_it(self, tmp_path: Path) -> None:
        run = ProcessRunner(Settings()).run_tests(
            participant(
                tmp_path,
                "import threading\n"
                "def test_thread():\n"
                "    threading.Thread(target=threading.Event().wait).start()\n"
                "    assert 'told' == 'at the end'\n",
            )
        )
        assert run.code == pytest.ExitCode.TESTS_FAILED
        assert "1 failed" in run.output

    def test_test_that_no_signal_reaches_is_ended_with_its_stack(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            runner, "BLOCKED_TEST_SECONDS", 3
        )  # a busy machine needs time to start it
        run = ProcessRunner(Settings()).run_tests(
            participant(
                tmp_path,
                "import signal, time\n"
                "def test_deaf():\n"
                "    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
                "    time.sleep(600)\n",
            )
        )
        assert run.code == 1
        assert "Timeout" in run.output
        assert 'test_it.py", line 4 in test_deaf' in run.output

    def test_command_is_installed(self) -> None:
        command = [sys.executable, "-m", "contracts", "--help"]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        for name in ("check", "update", "can-i-deploy", "report", "publish"):
            assert name in run.stdout
