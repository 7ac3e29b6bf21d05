"""The gate: record, verify, compare with OpenAPI and with what is deployed."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts import drift
from contracts.errors import ContractError
from contracts.gate import descriptions
from contracts.gate.deployed import PRODUCTION, Deployments
from contracts.gate.deployment import CanIDeploy
from contracts.gate.record import NOT_ASKED, Record
from contracts.gate.records import CONSUMERS, deployment_of, write_record
from contracts.gate.removed import removed_interactions
from contracts.gate.runner import Run, Runner
from contracts.gate.workspace import Workspace
from contracts.openapi.conformance import Description
from contracts.pacts import canonical
from contracts.results import Result, count, grouped, read_results

Report = Callable[[str], None]
_OK = (0, 5)
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
        return self.run.code not in _OK and not reasons and not self.failures

    @cached_property
    def description(self) -> Description | None:
        """None if the app can't be built."""
        path = self.folder / "recorded/openapi.json"
        return json.loads(path.read_bytes()) if path.is_file() else None


@dataclass(frozen=True)
class Gate:
    workspace: Workspace
    runner: Runner

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self.workspace)

    def update(self) -> list[str]:
        """Write pacts and descriptions; returns one line for each file that changed."""
        with self._tested(self.workspace.participants, verifying=()) as tested:
            pacts, wanted = self._pacts(tested), _descriptions(tested)
        written = drift.write(self.workspace.descriptions, wanted)
        return written + drift.write(self.workspace.pacts, pacts)

    def check(self, parts: Collection[str], options: Sequence[str] = ()) -> bool:
        """Run `consumers`, providers, or everything if no part is named. Returns whether it passed.

        `options` are for the pytest runs.
        """
        services = [name for name in self.workspace.participants if not parts or name in parts]
        is_recording = not parts or CONSUMERS in parts
        recording = self.workspace.participants if is_recording else ()
        with self._tested(recording, verifying=services, options=options) as tested:
            broken = [each for each in services if not self._verify(each, tested.get(each))]
            passed = not broken
            if is_recording:
                passed &= self._check_consumers(tested, is_broken=bool(broken))
        if not parts:
            passed &= self.can_i_deploy([[each] for each in services if each not in broken])
        for each in () if parts else broken:
            with self._recorded(deployment_of(each)) as record:
                record.steps["deployable"].outcome = NOT_ASKED
                record.steps[
                    "deployable"
                ].text = f"{each}: not asked, because it breaks a consumer."
        return passed

    def can_i_deploy(self, sets: Collection[Sequence[str]], environment: str = PRODUCTION) -> bool:
        """Ask for each set, whose services are deployed at once."""
        asked = CanIDeploy(self.workspace, self.runner, Deployments(self.workspace, environment))
        passed = []
        for together in sets:
            part = deployment_of(together[0]) if len(together) == 1 else "deployment"
            with self._recorded(part) as record:
                record.run("deployable", partial(_ask, asked, together, record))
            passed.append(not record.is_failed)
        return all(passed)

    @contextmanager
    def _tested(
        self,
        recording: Collection[str],
        *,
        verifying: Collection[str],
        options: Sequence[str] = (),
    ) -> Iterator[Mapping[str, Tested]]:
        """Run the contract tests of these services, at the same time, and each once."""
        providers = {each for each in verifying if self._is_provider(each)}
        services = sorted({*recording, *providers})
        with TemporaryDirectory() as folder:

            def test(service: str) -> Tested:
                own, arguments = Path(folder) / service, [*options]
                if service in recording:
                    arguments.append(f"--contracts-output={own / 'recorded'}")
                    arguments.append(f"--contracts-openapi={self.workspace.settings.openapi}")
                if service in providers:
                    arguments.append(f"--contracts-verified={own / 'verified'}")
                print(f"{service}: running its contract tests ...", flush=True)
                run = self.runner.run_tests(self.workspace[service], *arguments)
                return Tested(service, service in providers, run, own)

            # With other options, such as a database, the runs may share something.
            if options or self.runner.jobs == 1:
                yield {each: test(each) for each in services}
                return
            with ThreadPoolExecutor(self.runner.jobs) as pool:
                yield dict(zip(services, pool.map(test, services), strict=True))

    def _verify(self, service: str, tested: Tested | None) -> bool:
        """Whether it satisfies its consumers."""
        with self._recorded(service) as record:
            if tested and tested.is_provider:
                record.run("verified", partial(self._check_verified, tested, record))
            else:
                record.steps["verified"].outcome = NOT_ASKED
                record.steps["verified"].text = f"{service}: no service consumes it."
        return not record.is_failed

    def _check_verified(self, tested: Tested, record: Record, report: Report) -> None:
        results = tested.results
        record.results = [each for each in results if not each.is_canary]
        if all(each.is_verified for each in results if each.is_canary):
            record.canaries = {each.interaction.provider for each in results if each.is_canary}
        failed = [(str(each.interaction), each.reason) for each in results if each.reason]
        if tested.is_unexplained or (failed and tested.run.code not in _OK):
            told = f"The contract tests of {tested.service} don't run. {tested.run.output}"
            raise ContractError(grouped(failed) or told)
        report(count(self.workspace.contracts, results, tested.service))

    def _check_consumers(self, tested: Mapping[str, Tested], *, is_broken: bool) -> bool:
        """Whether interactions conform, no change breaks a consumer, and nothing is out of date."""
        now = {
            name: each.description or self.workspace.description(name)
            for name, each in tested.items()
        }
        broken = [
            each.interaction for test in tested.values() for each in test.results if each.reason
        ]
        with self._recorded(CONSUMERS) as record:
            conform = partial(descriptions.check_conformance, self.workspace, now, broken)
            record.run("described", lambda report: report(conform()))
            changes = partial(
                descriptions.report_changes, self.workspace, self.deployments, now, broken
            )
            record.run("compatible", lambda report: report(changes()))
            is_broken |= record.is_failed
            record.run("committed", partial(self._check_committed, tested, is_broken))
        return not record.is_failed

    def _check_committed(
        self, tested: Mapping[str, Tested], is_broken: bool, report: Report
    ) -> None:
        pacts, wanted = self._pacts(tested), _descriptions(tested)
        found = [*drift.differences(self.workspace.pacts, pacts), *self._undeclared(pacts)]
        # What breaks a consumer is to be corrected, not written to the description.
        if not is_broken:
            found += drift.differences(self.workspace.descriptions, wanted)
        try:
            explained, problems = removed_interactions(self.workspace, self.deployments)
            for line in explained:
                report(line)
            found = [*problems, *found, *self._unused_states()]
        except ContractError as error:
            found.append(str(error))
        if found:
            raise ContractError("\n".join(found))
        described = "" if is_broken else f" and {len(wanted)} descriptions"
        report(f"{len(pacts)} pacts{described} are up to date.")

    def _pacts(self, tested: Mapping[str, Tested]) -> dict[str, str]:
        """Recorded in an empty folder, so that an interaction without a test disappears."""
        for name, each in tested.items():
            if each.failures:
                raise ContractError(f"The consumer tests of {name} fail.\n{each.failures}")
            if each.is_unexplained:
                why = "See above." if each.is_provider else each.run.output
                raise ContractError(f"The contract tests of {name} don't run. {why}")
        are_expected = any(each.providers for each in self.workspace.participants.values())
        fragments = [each.folder / "recorded/pacts" for each in tested.values()]
        return drift.regenerated(fragments) if are_expected else {}

    def _undeclared(self, pacts: Collection[str]) -> Iterator[str]:
        for name, participant in self.workspace.participants.items():
            for provider in participant.providers:
                if f"{name}-{provider}.json" not in pacts:
                    yield (
                        f"{name} declares that it needs {provider}, but no test records an "
                        f"interaction. Add one to {participant.folder}, or correct [tool.service]."
                    )

    def _unused_states(self) -> Iterator[str]:
        contracts = self.workspace.contracts
        if not (contracts.folder / "states.toml").is_file():  # nobody uses a state yet
            return iter(())
        interactions = contracts.every_interaction()
        used = {(each.provider, state.name) for each in interactions for state in each.states}
        return contracts.catalogue.unused(used)

    def _is_provider(self, service: str) -> bool:
        declared = {
            name for each in self.workspace.participants.values() for name in each.providers
        }
        found = {each.provider for each in self.workspace.contracts.every_interaction()}
        return service in declared | found

    @contextmanager
    def _recorded(self, part: str) -> Iterator[Record]:
        """A record that is written whether the part passes or fails."""
        record = Record()
        try:
            yield record
        finally:
            write_record(self.workspace, part, record)


def _descriptions(tested: Mapping[str, Tested]) -> dict[str, str]:
    """Raises `ContractError` if an app can't be built."""
    for name, each in tested.items():
        if each.description is None:
            raise ContractError(
                f"{name} has no OpenAPI description: its app can't be built.\n{each.run.output}"
            )
    return {f"{name}.json": canonical(each.description) for name, each in tested.items()}


def _ask(asked: CanIDeploy, together: Sequence[str], record: Record, report: Report) -> None:
    for sentence in asked.not_asked(together):
        report(sentence)
    for answer in asked.answers(together):
        record.answers.append(answer)
        if answer.is_yes:
            report(answer.sentence)
    if not record.answers:
        record.steps["deployable"].outcome = NOT_ASKED
        report(
            f"{', '.join(together)}: it has no contract with another deployed service, so nothing was asked."
        )
    if refused := [answer for answer in record.answers if not answer.is_yes]:
        sentences = "\n".join(answer.sentence for answer in refused)
        outputs = "\n".join(answer.output for answer in refused)
        raise ContractError(
            f"{sentences}\nKeep the old version until both are deployed, or deploy them at the same "
            f"time: `contracts can-i-deploy --together`.\n{outputs}"
        )
