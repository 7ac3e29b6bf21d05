import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.web.fields import Email, email_key

EMAIL: TypeAdapter[str] = TypeAdapter(Email)
LONGEST_DOMAIN = ".".join(["b" * 63] * 3)


@pytest.mark.parametrize(
    ("sent", "normalised"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada@EXAMPLE.com", "Ada@example.com"),
        ("a+b.c@example.co.uk", "a+b.c@example.co.uk"),
        ("ü@bücher.example", "ü@bücher.example"),
        ("u\N{COMBINING DIAERESIS}@example.com", "ü@example.com"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        (f"a@{LONGEST_DOMAIN}.{'c' * 60}", f"a@{LONGEST_DOMAIN}.{'c' * 60}"),
    ],
)
def test_valid_address_is_normalised(sent: str, normalised: str) -> None:
    assert EMAIL.validate_python(sent) == normalised


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@localhost",
        "a b@example.com",
        "ada@example..com",
        "ada@[127.0.0.1]",
        '"a b"@example.com',
        "Ada <ada@example.com>",
        "a@example.com,b@example.com",
        " ada@example.com",
        "ada@example.com\n",
        "ada@example.test",
        "a" * 65 + "@example.com",
        f"a@{LONGEST_DOMAIN}.{'c' * 61}",
        "a" * 1_000_000,
        "e\N{COMBINING ACUTE ACCENT}" * 200_000 + "@example.com",
    ],
)
def test_invalid_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EMAIL.validate_python(address)
    assert [(problem["type"], problem["msg"]) for problem in caught.value.errors()] == [
        ("email", "Value should be a valid e-mail address of at most 254 characters")
    ]


@pytest.mark.parametrize(
    ("text", "kind"), [("a\0@example.com", "string_nul"), ("\ud800@example.com", "string_unicode")]
)
def test_text_that_no_database_stores_is_refused(text: str, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EMAIL.validate_python(text)
    assert [problem["type"] for problem in caught.value.errors()] == [kind]


def test_format_and_limit_are_published() -> None:
    published = EMAIL.json_schema()
    assert (published["format"], published["maxLength"]) == ("idn-email", 254)
    assert ".test" in published["description"]


class TestKey:
    """What makes an address unique."""

    @pytest.mark.parametrize(
        "address",
        [
            "Ada@Bücher.example",
            "ADA@BÜCHER.EXAMPLE",
            "ada@xn--bcher-kva.example",
            "ada@bu\N{COMBINING DIAERESIS}cher.example",
        ],
    )
    def test_key_is_the_same_for_all_spellings_of_an_address(self, address: str) -> None:
        assert email_key(address) == "ada@xn--bcher-kva.example"

    @pytest.mark.parametrize("address", ["ada+1@bücher.example", "ada@bucher.example"])
    def test_key_of_another_address_differs(self, address: str) -> None:
        assert email_key(address) != "ada@xn--bcher-kva.example"

    @pytest.mark.parametrize(
        ("one", "other", "are_the_same"),
        [
            ("x@straße.de", "x@strasse.de", False),
            ("x@straße.de", "X@STRASSE.DE", False),
            ("x@STRAẞE.de", "x@straße.de", True),
            ("straße@example.com", "STRASSE@example.com", True),
            ("ａda@example.com", "ada@example.com", True),  # noqa: RUF001 - full width
            ("ada@ｅxample.com", "ada@example.com", True),  # noqa: RUF001
        ],
    )
    def test_local_part_is_folded_and_the_domain_is_not(
        self, one: str, other: str, are_the_same: bool
    ) -> None:
        assert (email_key(one) == email_key(other)) == are_the_same

    @pytest.mark.parametrize("text", ["", "ADA", "Ada@", "@", "a" * 10_000, "Ada@example.test"])
    def test_key_of_other_text_is_the_folded_text(self, text: str) -> None:
        assert email_key(text) == text.lower()

    @given(st.text(st.characters(exclude_categories=["Cs"])) | st.emails())
    def test_key_of_a_key_is_the_key(self, text: str) -> None:
        assert email_key(email_key(text)) == email_key(text)
