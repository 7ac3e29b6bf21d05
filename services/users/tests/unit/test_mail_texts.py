"""The texts of mails."""

from typing import get_args

import pytest

from app.clients.mail import ConsoleMail
from app.models import MailKind
from app.services.mail_texts import LIFETIMES, render

URL = "https://app.example.com/a&b"


@pytest.mark.parametrize("kind", get_args(MailKind))
def test_mail_of_every_kind_has_a_subject_a_text_and_html(kind: MailKind) -> None:
    token = "a-token" if kind in LIFETIMES else None
    mail = render(kind, "ada@example.com", links_url=URL, token=token)
    assert mail.recipient == "ada@example.com"
    assert f"<title>{mail.subject}</title>" in mail.html
    assert "$" not in mail.text + mail.html
    assert "Subject" not in mail.text
    assert ("#token=a-token" in mail.text) is (token is not None)
    assert mail.text.count("\n\n") == mail.html.count("<p>") - 1


def test_link_is_escaped_in_html_only() -> None:
    mail = render("verify_email", "ada@example.com", links_url=URL, token="a-token")
    assert f"{URL}/verify-email#token=a-token\n" in mail.text
    link = "https://app.example.com/a&amp;b/verify-email#token=a-token"
    assert f'<a href="{link}">{link}</a>' in mail.html


async def test_console_prints_the_text_for_development(capsys: pytest.CaptureFixture[str]) -> None:
    mail = render("verify_email", "ada@example.com", links_url=URL, token="a-token")
    await ConsoleMail().send(mail)
    printed = capsys.readouterr().out
    assert "To: ada@example.com\nSubject: Confirm your e-mail address\n" in printed
    assert "#token=a-token" in printed
