"""What `contracts check` prints: the sentence that matters first, and each cause once."""

import pytest
from gate.example import EDITS, Example

APP = "catalog/app/main.py"


def check(example: Example, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The blocks of a run that fails, without the progress before them."""
    capsys.readouterr()
    assert not example.gate.check([])
    return capsys.readouterr().out.split("\n\n")[1:]


def test_breaking_change_is_told_first_and_once(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.make(EDITS["responses"]["title is renamed to name"])
    first, *others = check(example, capsys)
    assert first.startswith("catalog breaks shop: a book that is not available\n")
    assert len(first.splitlines()) == 7
    assert "  the same   shop: an audio book without a subtitle; shop: an available book" in first
    rest = "\n".join(others)
    assert "catalog breaks" not in rest
    assert "200 $.title: removed; breaks the interactions above" in rest
    assert "catalog: no breaking change" not in rest
    assert "catalog as provider of the deployed shop: yes" not in rest
    assert "contracts update" not in rest


def test_compatible_change_is_to_be_written(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.make(EDITS["compatible"]["a response has one more field"])
    (first, *_) = check(example, capsys)
    assert "contracts/openapi/catalog.json differs from what the code gives now. Run `cont" in first


def test_exception_of_the_app_is_told_with_its_place(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(APP, ("return store.books[book_id]", "return store.boks[book_id]"))
    first, *_ = check(example, capsys)
    assert "  differs    the app raises AttributeError: 'Store' object has no attribute" in first
    assert f"/services/{APP}:" in first


def test_exception_of_a_handler_is_told_with_its_place(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(APP, ('"title": book.title, "price_cents"', '"title": book.name, "price_cents"'))
    first, *_ = check(example, capsys)
    assert first.startswith("catalog breaks mailer: the event of a new book\n")
    assert "  differs    its state or message handler raises AttributeError: 'Book' object" in first
    assert f"/services/{APP}:" in first
    assert "  response   (no body)\n" in first
    assert len(first.splitlines()) == 6


def test_tests_that_do_not_run_are_told_once(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.edit(APP, ("from dataclasses", "import nothing\nfrom dataclasses"))
    first, *others = check(example, capsys)
    assert first.startswith("The contract tests of catalog don't run. ")
    assert "No module named 'nothing'" in first
    assert "No module" not in "".join(others)


def test_undeclared_header_is_told_once(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.make(EDITS["consumers"]["the client begins to send what it accepts"])
    first, *others = check(example, capsys)
    assert first.startswith("The consumer tests of shop fail.\nshop doesn't send what its test exp")
    assert "  the same   tests/contract/test_catalog.py::" in first
    assert "undeclared" not in "".join(others)
