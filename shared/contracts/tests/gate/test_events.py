"""The AsyncAPI documents: written, compared with the code, and with what is deployed."""

import json

import pytest
from gate.example import Example

DESCRIPTION = "catalog/app/events/description.py"
DOCUMENT = "contracts/asyncapi/catalog.json"


def check(example: Example, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    example.gate.check([])
    return capsys.readouterr().out


def test_document_is_written_for_services_with_events_only(example: Example) -> None:
    folder = example.path("contracts/asyncapi")
    assert [path.name for path in folder.iterdir()] == ["catalog.json"]
    document = json.loads((folder / "catalog.json").read_text())
    assert document["components"]["messages"].keys() == {"book.added", "book.sold_out"}


def test_document_that_differs_from_the_code_is_to_be_written(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(DESCRIPTION, ("    version: int = 1", "    version: int = 1\n    author: str"))
    assert f"{DOCUMENT} differs from what the code gives now. Run `cont" in check(example, capsys)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("price_cents: int", "price_cents: str", "type changed from integer to string"),
        ("price_cents: int", "price_cents: int = 0", "no longer required"),
    ],
)
def test_change_of_a_field_that_a_subscriber_reads_breaks_it(
    example: Example, capsys: pytest.CaptureFixture[str], old: str, new: str, line: str
) -> None:
    example.edit(DESCRIPTION, (old, new))
    told = (
        f"catalog: event book.added $.data.price_cents: {line}; breaks mailer: the event of a new"
    )
    assert told in check(example, capsys)


def test_removed_field_breaks_who_reads_it(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(DESCRIPTION, ("    price_cents: int\n", ""))
    printed = check(example, capsys)
    assert "event book.added $.data.price_cents: removed; breaks mailer: the event of" in printed


def test_removed_event_breaks_its_subscribers(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    removed = '        "book.sold_out": message("book.sold_out", SoldOut),\n'
    example.edit(DESCRIPTION, (removed, ""))
    printed = check(example, capsys)
    assert "event book.sold_out: removed; breaks mailer: the event of a book that is" in printed
    assert "the event book.sold_out is not described" in printed


def test_change_that_nobody_reads_is_reported_only(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(DESCRIPTION, ("    version: int = 1\n", ""))
    assert "event book.added $.data.version: removed; used by no consumer" in check(example, capsys)


def test_service_that_publishes_no_more_events_breaks_its_subscribers(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.path(DESCRIPTION).unlink()
    printed = check(example, capsys)
    assert "event book.added: removed; breaks mailer" in printed
    assert f"{DOCUMENT}: no test or service produces it any more" not in printed


def test_function_that_raises_is_told(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    example.edit(DESCRIPTION, ("    info =", "    raise RuntimeError('no events')\n    info ="))
    assert "RuntimeError: no events" in check(example, capsys)
