"""Can a service be deployed next to what is deployed? Answered from git, by verification.

As a provider it is verified with each deployed consumer's pact. As a consumer, its own pact is verified
by each deployed provider, which runs from a worktree at its tag, in the environment of that version.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.gate.deployed import Deployments
from contracts.gate.runner import ProcessRunner, Run, Runner
from contracts.gate.workspace import Workspace
from contracts.pacts import Interaction, parsed
from contracts.results import grouped, read_results


@dataclass(frozen=True)
class Answer:
    is_yes: bool
    sentence: str
    output: str = ""
    """Why the verification failed."""


@dataclass(frozen=True)
class CanIDeploy:
    workspace: Workspace
    runner: Runner
    deployments: Deployments

    def answers(self, together: Collection[str]) -> Iterator[Answer]:
        """One answer for each pair of a service to deploy and a deployed service that stays.

        Raises:
            ContractError: it is unknown what is deployed, or a deployed version can't run.
        """
        others = [
            other
            for other in self.workspace.participants
            if other not in together and self.deployments.commit_of(other)
        ]
        for service in sorted(together):
            for other in others:
                yield from self._answer(service, "provider", other)
                yield from self._answer(service, "consumer", other)

    def not_deployed(self) -> Iterator[str]:
        """A sentence for each service without a tag: what takes the place of its deployed version."""
        for service in self.workspace.participants:
            if not self.deployments.is_deployed(service):
                yield f"{service}: {self.deployments.revision_of(service)}."

    def _answer(self, service: str, role: str, other: str) -> Iterator[Answer]:
        """As provider with the deployed pact of the other, as consumer with its own."""
        pair = (other, service) if role == "provider" else (service, other)
        path = self.workspace.pacts / f"{'-'.join(pair)}.json"
        here, there = _text(path), self.deployments.file_at(other, path)
        pact = there if role == "provider" else here
        if pact is None:
            return
        question = f"{service} as {role} of {self.deployments.name_of(other)}"
        if here == there:
            yield Answer(True, f"{question}: yes, {pair[1]} is verified with this pact.")
            return
        with TemporaryDirectory() as folder:
            options = _options(Path(folder), path.name, pact)
            if role == "provider":
                run = self.runner.run_tests(self.workspace[service], *options)
            else:
                run = self._run_deployed(other, options)
            yield _answer(question, run, parsed(path, pact), Path(folder))

    def _run_deployed(self, service: str, options: list[str]) -> Run:
        """The deployed version's own tests, in a worktree that is reused the next time."""
        folder = self.workspace.root / ".tox/deployed" / service
        self.deployments.check_out(service, folder)
        deployed = Workspace.read(folder)
        participant = deployed[service]
        pins = b"".join((folder / name).read_bytes() for name in deployed.settings.pins)
        digest = hashlib.sha256(pins).hexdigest()
        made_for = folder.with_name(f"{service}.pins")
        if made_for.is_file() and made_for.read_text(encoding="utf-8") != digest:
            shutil.rmtree(participant.folder / ".tox", ignore_errors=True)
        runner = self.runner
        if isinstance(runner, ProcessRunner):
            runner = replace(runner, settings=deployed.settings, is_prepared=set())
        run = runner.run_tests(participant, *options)
        made_for.write_text(digest, encoding="utf-8")
        return run


def _options(folder: Path, name: str, pact: str) -> list[str]:
    (folder / "pacts").mkdir()
    (folder / "pacts" / name).write_text(pact, encoding="utf-8")
    return [f"--contracts-pacts={folder / 'pacts'}", f"--contracts-verified={folder / 'verified'}"]


def _answer(question: str, run: Run, expected: list[Interaction], folder: Path) -> Answer:
    results = [each for each in read_results(folder / "verified/results") if not each.is_canary]
    verified = {each.interaction.description for each in results if each.is_verified}
    failed = [each.description for each in expected if each.description not in verified]
    if run.code == 0 and not failed:
        return Answer(True, f"{question}: yes, {len(verified)} interactions verified.")
    listed = ", ".join(f"`{each}`" for each in failed) or "the run itself"
    reasons = grouped((str(each.interaction), each.reason) for each in results if each.reason)
    return Answer(False, f"{question}: NO. Failed: {listed}.", reasons or run.output)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
