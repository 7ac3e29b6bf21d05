"""The gate: regenerate, verify, compare with OpenAPI and with what is deployed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from contracts import drift
from contracts.errors import ContractError
from contracts.gate import descriptions, verified
from contracts.gate.deployed import PRODUCTION, Deployments
from contracts.gate.deployment import CanIDeploy
from contracts.gate.record import NOT_ASKED, Record
from contracts.gate.records import CONSUMERS, deployment_of, write_record
from contracts.gate.removed import removed_interactions
from contracts.gate.runner import Runner
from contracts.gate.workspace import Participant, Workspace

Report = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")
_NO_TESTS = 5
"""pytest's exit code for a service that is no consumer."""


@dataclass(frozen=True)
class Gate:
    workspace: Workspace
    runner: Runner

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self.workspace)

    def update(self) -> list[str]:
        """Write pacts and descriptions; returns one line for each file that changed."""
        written = drift.write(self.workspace.descriptions, self._descriptions())
        return written + drift.write(self.workspace.pacts, self._pacts())

    def check(self, parts: Collection[str], options: Sequence[str] = ()) -> bool:
        """Run `consumers`, providers, or everything if no part is named. Returns whether it passed.

        `options` are for the pytest runs of the providers.
        """
        services = [name for name in self.workspace.participants if not parts or name in parts]
        passed = []
        if not parts or CONSUMERS in parts:
            passed.append(self.check_consumers())
        # Several at a time would share what the options name, such as a database.
        passed += self._each(
            lambda service: self.verify(service, options), services, is_alone=bool(options)
        )
        if not parts:
            passed.append(self.can_i_deploy([[service] for service in services]))
        return all(passed)

    def check_consumers(self) -> bool:
        with self._recorded(CONSUMERS) as record:
            record.run("committed", self._check_committed)
            record.run(
                "described",
                lambda report: report(descriptions.check_conformance(self.workspace)),
            )
            record.run(
                "compatible",
                lambda report: report(
                    descriptions.report_changes(self.workspace, self.deployments)
                ),
            )
        return not record.is_failed

    def verify(self, service: str, options: Sequence[str] = ()) -> bool:
        """Verify the service as a provider."""
        participant = self.workspace[service]
        with self._recorded(service) as record:
            if self._is_provider(service):
                record.run("verified", partial(self._verify, participant, options, record))
            else:
                record.steps["verified"].outcome = NOT_ASKED
                record.steps["verified"].text = f"{service}: no service consumes it."
        return not record.is_failed

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

    def _check_committed(self, report: Report) -> None:
        wanted, pacts = self._descriptions(), self._pacts()
        found = [
            *drift.differences(self.workspace.descriptions, wanted),
            *drift.differences(self.workspace.pacts, pacts),
            *self._undeclared(pacts),
        ]
        explained: list[str] = []
        try:
            explained, problems = removed_interactions(self.workspace, self.deployments)
            found = [*problems, *found, *self._unused_states()]
        except ContractError as error:
            found.append(str(error))
        for line in explained:
            report(line)
        if found:
            raise ContractError("\n".join(found))
        report(f"{len(pacts)} pacts and {len(wanted)} descriptions are up to date.")

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

    def _verify(
        self, participant: Participant, options: Sequence[str], record: Record, report: Report
    ) -> None:
        name = participant.name
        print(f"{name}: verifying what its consumers expect ...", flush=True)
        with TemporaryDirectory() as folder:
            run = self.runner.run_tests(participant, *options, f"--contracts-verified={folder}")
            record.read_results(Path(folder))
            if run.code != 0:
                reasons = dict.fromkeys(each.reason for each in record.results if each.reason)
                raise ContractError(
                    "\n\n".join(reasons) or f"The contract tests of {name} fail.\n{run.output}"
                )
            report(verified.count(self.workspace.contracts, Path(folder), name))

    def _is_provider(self, service: str) -> bool:
        declared = {
            name for each in self.workspace.participants.values() for name in each.providers
        }
        found = {each.provider for each in self.workspace.contracts.every_interaction()}
        return service in declared | found

    def _descriptions(self) -> dict[str, str]:
        participants = self.workspace.participants
        found = self._each(self.runner.describe, participants.values())
        return {f"{name}.json": each for name, each in zip(participants, found, strict=True)}

    def _pacts(self) -> dict[str, str]:
        """Recorded in an empty folder, so that an interaction without a test disappears."""
        with TemporaryDirectory() as folder:
            self._each(partial(self._record, folder), self.workspace.participants.values())
            are_expected = any(each.providers for each in self.workspace.participants.values())
            return drift.regenerated(Path(folder)) if are_expected else {}

    def _record(self, folder: str, participant: Participant) -> None:
        if not (participant.folder / self.workspace.settings.tests).exists():
            return
        print(f"{participant.name}: recording what it expects of others ...", flush=True)
        run = self.runner.run_tests(participant, f"--contracts-output={folder}")
        if run.code not in (0, _NO_TESTS):
            raise ContractError(f"The consumer tests of {participant.name} fail.\n{run.output}")

    def _each(
        self, function: Callable[[T], R], arguments: Iterable[T], *, is_alone: bool = False
    ) -> list[R]:
        if is_alone or self.runner.jobs == 1:
            return list(map(function, arguments))
        with ThreadPoolExecutor(self.runner.jobs) as pool:
            return list(pool.map(function, arguments))

    @contextmanager
    def _recorded(self, part: str) -> Iterator[Record]:
        """A record that is written whether the part passes or fails."""
        record = Record()
        try:
            yield record
        finally:
            write_record(self.workspace, part, record)


def _ask(asked: CanIDeploy, together: Sequence[str], record: Record, report: Report) -> None:
    for sentence in asked.not_asked(together):
        report(sentence)
    for answer in asked.answers(together):
        report(answer.sentence)
        record.answers.append(answer)
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
