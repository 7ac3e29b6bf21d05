"""The gate: record, verify, compare with OpenAPI and with what is deployed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

from contracts import drift
from contracts.errors import ContractError
from contracts.gate import descriptions
from contracts.gate.deployed import PRODUCTION, Deployments
from contracts.gate.deployment import Answer, CanIDeploy
from contracts.gate.record import NOT_ASKED, Record
from contracts.gate.records import CONSUMERS, deployment_of, write_record
from contracts.gate.removed import removed_interactions
from contracts.gate.runner import Runner
from contracts.gate.tested import OK, Tested, described, events_of, run_tests, texts
from contracts.gate.workspace import Workspace
from contracts.openapi.conformance import Description
from contracts.results import count, grouped

Report = Callable[[str], None]


@dataclass(frozen=True)
class Gate:
    workspace: Workspace
    runner: Runner

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self.workspace)

    def update(self) -> list[str]:
        """Write pacts and descriptions; returns one line for each file that changed."""
        with run_tests(self.workspace, self.runner, self.workspace.participants) as tested:
            pacts, wanted, events = (
                self._pacts(tested),
                described(tested),
                events_of(self.workspace, tested),
            )
        written = drift.write(self.workspace.descriptions, wanted)
        written += drift.write(self.workspace.events, texts(events))
        return written + drift.write(self.workspace.pacts, pacts)

    def check(self, parts: Collection[str], options: Sequence[str] = ()) -> bool:
        """Run `consumers`, providers, or everything if no part is named. Returns whether it passed.

        `options` are for the pytest runs.
        """
        services = [name for name in self.workspace.participants if not parts or name in parts]
        is_recording = not parts or CONSUMERS in parts
        recording = self.workspace.participants if is_recording else ()
        with run_tests(self.workspace, self.runner, recording, services, options) as tested:
            broken = [each for each in services if not self._verify(each, tested.get(each))]
            passed = not broken
            if is_recording:
                passed &= self._check_consumers(tested, is_broken=bool(broken))
        if not parts:
            passed &= self.can_i_deploy(
                [[each] for each in services if each not in broken], is_known=True
            )
        for each in () if parts else broken:
            with self._recorded(deployment_of(each)) as record:
                told = f"{each}: not asked, because it breaks a consumer."
                record.answers = [Answer(False, told)]
                record.skip("deployable", told)
        return passed

    def can_i_deploy(
        self,
        sets: Collection[Sequence[str]],
        environment: str = PRODUCTION,
        *,
        is_known: bool = False,
    ) -> bool:
        """Ask for each set, whose services are deployed at once. `is_known`: what is deployed was printed."""
        asked = CanIDeploy(self.workspace, self.runner, Deployments(self.workspace, environment))
        passed, sentences = [], iter(()) if is_known else asked.not_deployed()
        for together in sets:
            part = deployment_of(together[0]) if len(together) == 1 else "deployment"
            with self._recorded(part) as record:
                record.run("deployable", partial(_ask, asked, sentences, together, record))
            passed.append(not record.is_failed)
        return all(passed)

    def _verify(self, service: str, tested: Tested | None) -> bool:
        """Whether it satisfies its consumers."""
        with self._recorded(service) as record:
            if tested and tested.is_provider:
                record.run("verified", partial(self._check_verified, tested, record))
            else:
                record.skip("verified", f"{service}: no service consumes it.")
        return not record.is_failed

    def _check_verified(self, tested: Tested, record: Record, report: Report) -> None:
        results = tested.results
        record.results = [each for each in results if not each.is_canary]
        if all(each.is_verified for each in results if each.is_canary):
            record.canaries = {each.interaction.provider for each in results if each.is_canary}
        failed = [(str(each.interaction), each.reason) for each in results if each.reason]
        if tested.is_unexplained or (failed and tested.run.code not in OK):
            told = f"The contract tests of {tested.service} don't run. {tested.run.output}"
            raise ContractError(grouped(failed) or told)
        report(count(self.workspace.contracts, results, tested.service))

    def _check_consumers(self, tested: Mapping[str, Tested], *, is_broken: bool) -> bool:
        """Whether interactions conform, no change breaks a consumer, and nothing is out of date."""
        broken = [
            each.interaction for test in tested.values() for each in test.results if each.reason
        ]

        def now() -> Mapping[str, Description]:
            committed = self.workspace.description
            return {name: each.description or committed(name) for name, each in tested.items()}

        def conform(report: Report) -> None:
            events = events_of(self.workspace, tested)
            report(descriptions.check_conformance(self.workspace, now(), events, broken))

        def changes(report: Report) -> None:
            old, events = self.deployments, events_of(self.workspace, tested)
            report(descriptions.report_changes(self.workspace, old, now(), events, broken))

        with self._recorded(CONSUMERS) as record:
            record.run("described", conform)
            record.run("compatible", changes)
            is_broken |= record.is_failed
            record.run("committed", partial(self._check_committed, tested, is_broken))
        return not record.is_failed

    def _check_committed(
        self, tested: Mapping[str, Tested], is_broken: bool, report: Report
    ) -> None:
        pacts, wanted = self._pacts(tested), described(tested)
        found = [*drift.differences(self.workspace.pacts, pacts), *self._undeclared(pacts)]
        # What breaks a consumer is to be corrected, not written to the description.
        if not is_broken:
            found += drift.differences(self.workspace.descriptions, wanted)
            found += drift.differences(
                self.workspace.events, texts(events_of(self.workspace, tested))
            )
        try:
            explained, problems = removed_interactions(self.workspace, self.deployments)
            for line in explained:
                report(line)
            found = [*problems, *found, *self._unused_states()]
        except ContractError as error:
            found.append(str(error))
        if found:
            raise ContractError("\n".join(found))
        openapi = "" if is_broken else f" and {len(wanted)} descriptions"
        report(f"{len(pacts)} pacts{openapi} are up to date.")

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

    @contextmanager
    def _recorded(self, part: str) -> Iterator[Record]:
        """A record that is written whether the part passes or fails."""
        record = Record()
        try:
            yield record
        finally:
            write_record(self.workspace, part, record)


def _ask(
    asked: CanIDeploy,
    sentences: Iterator[str],
    together: Sequence[str],
    record: Record,
    report: Report,
) -> None:
    for sentence in sentences:
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
        told = "\n".join(answer.sentence for answer in refused)
        outputs = "\n".join(answer.output for answer in refused)
        raise ContractError(
            f"{told}\nKeep the old version until both are deployed, or deploy them at the same "
            f"time: `contracts can-i-deploy --together`.\n{outputs}"
        )
