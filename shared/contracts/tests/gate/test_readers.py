"""Who reads what, and who uses what is deprecated."""

import pytest
from gate.example import Example

from contracts import cli
from contracts.errors import ContractError
from contracts.gate.readers import sunsets_of

APP = "catalog/app/main.py"
TITLE = "    title: str\n"
DEPRECATED_TITLE = (
    '    title: str = Field(json_schema_extra={"deprecated": True, "x-sunset": "2027-01-31"})\n'
)


@pytest.mark.parametrize(
    ("arguments", "expected", "missing"),
    [
        (
            ["catalog"],
            "message the event of a new book: message $.data.title\n  mailer: the",
            "$\n",
        ),
        (["catalog", "/books/7"], "GET /books/{book_id}: 404\n  shop: ", "/orders/"),
        (
            ["catalog", "/books/{book_id}", "title"],
            "GET /books/{book_id}: 200 $.title\n",
            "$.id",
        ),
        (["catalog", "", "title"], "GET /books/: 200 $.books[].title\n  shop: ", "$.id"),
        (["catalog", "/orders/", "location"], "POST /orders/: 201 header location\n  shop", "$"),
        (["catalog", "/orders/", "409"], "POST /orders/: 409\n  shop: an order of a book", "201"),
        (["catalog", "/books/", "limit"], "GET /books/: query limit\n  shop: no books", "after_id"),
        (["catalog", "/books/", "cover"], "No consumer reads it.", "shop"),
        (["shop"], "No consumer reads it.", "catalog"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_readers_are_printed_with_their_tests(
    example: Example,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
    missing: str,
) -> None:
    assert cli.main(["readers", *arguments], start=example.root) == 0
    output = capsys.readouterr().out
    assert expected in output
    assert missing not in output
    assert "::" in output or "No consumer" in output


def test_unknown_provider_is_an_error(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["readers", "depot"], start=example.root) == 1
    assert "There is no service `depot`" in capsys.readouterr().err


class TestDeprecated:
    @pytest.fixture(autouse=True)
    def deprecated_title(self, example: Example) -> None:
        example.edit(APP, (TITLE, DEPRECATED_TITLE))
        example.gate.update()
        example.git("commit", "--quiet", "--all", "--message", "Deprecate the title")

    def test_last_readers_are_reported(self, example: Example) -> None:
        report = example.changes()
        assert (
            "catalog: GET /books/{book_id} 200 $.title is deprecated, until 2027-01-31; "
            "still used by shop: a book" in report
        )

    def test_removal_before_the_last_reader_is_gone_fails(self, example: Example) -> None:
        example.edit("contracts/openapi/catalog.json", ('"title": {', '"name": {'))
        with pytest.raises(ContractError, match=r"\$.title: removed; breaks shop: a book"):
            example.changes()

    def test_consumer_that_begins_to_use_it_fails(self, example: Example) -> None:
        pact = "contracts/pacts/shop-catalog.json"
        before = example.path(pact).read_text()
        example.edit(pact, ('"title": "Emma"', '"subtitle": "Emma"'))
        example.git("commit", "--quiet", "--all", "--message", "Nobody reads the title")
        example.git("checkout", "--quiet", "-b", "read")
        example.write(pact, before)
        with pytest.raises(ContractError) as raised:
            example.changes()
        line = "200 $.title is deprecated, until 2027-01-31, and begins to be used by shop: a book"
        assert f"catalog: GET /books/{{book_id}} {line}" in str(raised.value)

    def test_deprecation_without_a_reader_is_reported(self, example: Example) -> None:
        pact = "contracts/pacts/shop-catalog.json"
        example.edit(pact, ('"title"', '"subtitle"'))
        report = example.changes()
        assert (
            "GET /books/ 200 $.books[].title is deprecated, until 2027-01-31; used by no" in report
        )


def test_every_kind_of_deprecation_is_found() -> None:
    mark = {"deprecated": True, "x-sunset": "2027-01-31"}
    header = {"schema": {"type": "string"}, **mark}
    body = {"content": {"application/json": {"schema": {"properties": {"b": mark}}}}}
    parameter = {"name": "Q", "in": "header", "deprecated": True, "schema": {"x-sunset": "2028"}}
    old = {"deprecated": True, "responses": {"200": {"headers": {"ETag": header}, **body}}}
    new = {"parameters": [parameter], "requestBody": body, "responses": {}}
    assert sunsets_of({"paths": {"/a": {"get": old, "post": new}}}) == {
        ("GET", "/a", ""): "",
        ("GET", "/a", "200 header etag"): "2027-01-31",
        ("GET", "/a", "200 $.b"): "2027-01-31",
        ("POST", "/a", "header q"): "2028",
        ("POST", "/a", "request $.b"): "2027-01-31",
    }
