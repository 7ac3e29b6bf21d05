"""One run of each service's contract tests, and what it left."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.errors import ContractError
from contracts.gate.runner import Run, Runner
from contracts.gate.workspace import Workspace
from contracts.openapi.conformance import Description
from contracts.pacts import canonical
from contracts.results import Result, grouped, read_results

OK = (0, 5)
"""pytest's exit codes; the second is that of a service without contract tests."""


@dataclass
class Tested:
    """One run of a service's contract tests, and the folder with what it left."""

    service: str
    is_provider: bool
    run: Run
    folder: Path

    @cached_property
    def failures(self) -> str:
        """Of the tests that record what the service expects of others."""
        paths = self.folder.glob("recorded/failed/*/*")
        texts = sorted(path.read_text(encoding="utf-8") for path in paths)
        return grouped(
            (name, reason) for name, _, reason in (each.partition("\n") for each in texts)
        )

    @cached_property
    def results(self) -> list[Result]:
        """Of the verification."""
        return read_results(self.folder / "verified/results")

    @property
    def is_unexplained(self) -> bool:
        """Whether it failed, and no test says why."""
        reasons = [each for each in self.results if each.reason]
        return self.run.code not in OK and not reasons and not self.failures

    @cached_property
    def description(self) -> Description | None:
        """None if the app can't be built."""
        path = self.folder / "recorded/openapi.json"
        return json.loads(path.read_bytes()) if path.is_file() else None

    @cached_property
    def events(self) -> Description | None:
        """None if it publishes none."""
        path = self.folder / "recorded/asyncapi.json"
        return json.loads(path.read_bytes()) if path.is_file() else None


@contextmanager
def run_tests(
    workspace: Workspace,
    runner: Runner,
    recording: Collection[str],
    verifying: Collection[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Mapping[str, Tested]]:
    """Run each service once, at the same time: to record what it expects, to verify it, or both."""
    declared = {name for each in workspace.participants.values() for name in each.providers}
    with suppress(ContractError):  # of an invalid pact, which a step reports
        declared |= {each.provider for each in workspace.contracts.every_interaction()}
    providers = declared & {*verifying}
    services = sorted({*recording, *providers})
    with TemporaryDirectory() as folder:

        def test(service: str) -> Tested:
            own, arguments = Path(folder) / service, [*options]
            if service in recording:
                arguments.append(f"--contracts-output={own / 'recorded'}")
                arguments.append(f"--contracts-openapi={workspace.settings.openapi}")
                arguments.append(f"--contracts-asyncapi={workspace.settings.asyncapi}")
            if service in providers:
                arguments.append(f"--contracts-verified={own / 'verified'}")
            print(f"{service}: running its contract tests ...", flush=True)
            run = runner.run_tests(workspace[service], *arguments)
            return Tested(service, service in providers, run, own)

        # With other options, such as a database, the runs may share something.
        if options or runner.jobs == 1:
            yield {each: test(each) for each in services}
            return
        with ThreadPoolExecutor(runner.jobs) as pool:
            yield dict(zip(services, pool.map(test, services), strict=True))


def described(tested: Mapping[str, Tested]) -> dict[str, str]:
    """The description of each service by its file's name. Raises `ContractError` if an app can't be built."""
    for name, each in tested.items():
        if each.description is None:
            why = "See above." if any(result.reason for result in each.results) else each.run.output
            raise ContractError(f"{name} has no OpenAPI description: its app can't be built. {why}")
    return texts({name: each.description for name, each in tested.items()})


def texts(documents: Mapping[str, Description | None]) -> dict[str, str]:
    """By the name of the file."""
    return {f"{name}.json": canonical(each) for name, each in documents.items()}


def events_of(workspace: Workspace, tested: Mapping[str, Tested]) -> dict[str, Description]:
    """The AsyncAPI document of each service that publishes events; the committed one if the app can't be built."""
    found = {
        name: tested[name].events
        if name in tested and tested[name].description
        else workspace.events_of(name)
        for name in workspace.participants
    }
    return {name: each for name, each in found.items() if each is not None}
