"""Pacts of consumers in other languages, as pact-js 16.5 wrote them (`tests/unit/pact_js`)."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate.example import Example

from contracts.errors import ContractError

PACT_JS = Path(__file__).parents[1] / "unit/pact_js"
KIOSK = "contracts/external/kiosk-catalog.json"


@pytest.fixture(autouse=True)
def pacts(example: Example) -> None:
    shutil.copytree(PACT_JS, example.path("contracts/external"))


def check(example: Example, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    passed = [example.gate.check(["consumers"]), example.gate.check(["catalog"])]
    return all(passed), capsys.readouterr().out


def test_external_pacts_are_verified_counted_and_left_alone(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in example.path("contracts/external").iterdir()}
    assert example.gate.update() == []
    passed, output = check(example, capsys)
    assert passed, output
    assert "catalog: 19 of 19 interactions verified, 5 of them of consumers elsewhere." in output
    assert "16 requests and responses conform" in output
    assert before == {
        path.name: path.read_bytes() for path in example.path("contracts/external").iterdir()
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("limit else None", "limit else 0"), "terminal: the books of one page"),
        (("response.headers", "Response().headers"), "terminal: an order"),
        (('"Emma"))', '"Emma")) | {"data": {}}'), "catalog breaks board: the event of a new book"),
        (
            ('404, "book_not_found"', '410, "gone"'),
            "kiosk: a request for a book, given",
        ),
    ],
    ids=["a value", "a header", "an event", "a status"],
)
def test_broken_external_consumer_is_named(
    example: Example,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    message: str,
) -> None:
    file = "catalog/tests/contract/states.py" if "Emma" in change[0] else "catalog/app/main.py"
    example.edit(file, change)
    passed, output = check(example, capsys)
    assert (passed, message in output) == (False, True), output


def test_removed_field_names_the_external_consumer(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit("catalog/app/main.py", ("    added_at: datetime\n", ""))
    _, output = check(example, capsys)
    assert "; breaks kiosk: a request for a book, given a signed-in caller and a book" in output
    assert (
        "kiosk: a request for a book, given a signed-in caller and a book` (a test elsewhere): response"
        in output
    )


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Example], None]:
    def tamper(example: Example) -> None:
        pact = json.loads(example.path(KIOSK).read_text())
        change(pact)
        example.write(KIOSK, json.dumps(pact))

    return tamper


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda example: example.write(KIOSK, "{}"), "is not a pact (KeyError('metadata'))"),
        (
            edit(lambda pact: pact["metadata"].update(pactSpecification={"version": "2.0.0"})),
            "has the specification 2; V3 and V4 can be verified",
        ),
        (
            edit(lambda pact: pact["interactions"][0].update(type="Synchronous/Messages")),
            "is of the type Synchronous/Messages, which can't be verified",
        ),
        (
            edit(lambda pact: pact.update(consumer={"name": "shop"})),
            "is a second pact of shop-catalog",
        ),
        (edit(lambda pact: pact.update(provider={"name": "depot"})), "unknown provider depot"),
        (
            edit(lambda pact: pact["interactions"][0]["providerStates"][1].update(name="a shelf")),
            "catalog has no state `a shelf`",
        ),
    ],
    ids=["no pact", "V2", "synchronous message", "own consumer", "provider", "state"],
)
def test_invalid_external_pact_fails(
    example: Example,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Example], None],
    message: str,
) -> None:
    tamper(example)
    try:
        passed, output = check(example, capsys)
    except ContractError as error:
        passed, output = False, str(error)
    assert (passed, message in output) == (False, True), output


def test_deleted_external_pact_is_reported(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.git("add", ".")
    example.git("commit", "--quiet", "--message", "External pacts")
    example.path("contracts/external/board-catalog.json").unlink()
    passed, output = check(example, capsys)
    assert not passed
    assert "1 interaction fewer: board -> catalog: `the event of a new book`" in output
