"""Each service answers as its OpenAPI description says.

tox -e schemathesis -- --database=postgres
tox -e schemathesis -- -k users --schemathesis="--include-name='GET /users/me' --seed=2"
"""

import shlex
from contextlib import closing
from pathlib import Path

import pytest

import workspace
from tests.e2e.clients import register_user
from tests.e2e.descriptions.examples import create_examples
from tests.e2e.descriptions.run import run_schemathesis
from tests.e2e.descriptions.walks import count_walks, expected_walks
from tests.e2e.processes import LocalStack
from tests.e2e.request_log import RequestLog

# With these options not every walk can be expected.
_NARROWING = ("--include", "--exclude", "--phases")
# Sequences are random, and depend on ids and tokens: one run may miss a walk.
_OTHER_SEQUENCES = [["--phases=stateful", f"--seed={seed}"] for seed in (2, 3, 4)]


@pytest.mark.timeout(0)  # --schemathesis=--max-examples=2000 takes as long as it takes
@pytest.mark.parametrize("name", [each.name for each in workspace.services()])
def test_service_answers_as_described(
    described_stack: LocalStack,
    events_port: int,
    request_log: RequestLog,
    name: str,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    report = tmp_path / "report.ndjson"
    users = described_stack.users
    environment = {
        **users.environment,
        "USERS_URL": users.url,
        "EVENTS_PORT": str(events_port),
        "SERVICE": name,
    }
    options = shlex.split(pytestconfig.getoption("--schemathesis"))
    service = getattr(described_stack, name)
    own = service.service.folder / "tests/schemathesis.toml"
    settings = own.read_text(encoding="utf-8") if own.exists() else ""
    with closing(register_user(described_stack, request_log)) as client:
        examples = create_examples(client)
    for variable, value in examples.items():
        settings += f"\n[dictionaries.{variable}]\nvalues = [{value}]\n"
    is_narrowed = any(option.startswith(_NARROWING) for option in options)
    missing = [] if is_narrowed else expected_walks(name)
    for more in ([], *_OTHER_SEQUENCES):
        code = run_schemathesis(service.url, report, environment, [*options, *more], settings)
        assert code == 0, (
            "schemathesis has found a difference: its output has the command that shows it"
        )
        missing = [walk for walk, count in count_walks(report, missing).items() if not count]
        if not missing:
            return
    walks = [" -> ".join(walk) for walk in missing]
    pytest.fail(f"No request followed the links of the description along these walks: {walks}")
