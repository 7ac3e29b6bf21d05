"""The texts of mails, from the templates in `app/data/mails`. They contain nothing that a user wrote."""

import html
from datetime import timedelta
from functools import cache
from pathlib import Path
from string import Template

from app.clients.mail import Mail
from app.models import MailKind

_TEMPLATES = Path(__file__).parents[1] / "data" / "mails"
_PAGES: dict[MailKind, str] = {
    "verify_email": "verify-email",
    "reset_password": "reset-password",
}
"""The pages of the front end that mails link to."""
LIFETIMES: dict[MailKind, timedelta] = {
    "verify_email": timedelta(hours=24),
    "reset_password": timedelta(hours=2),
}
"""How long the tokens of mails are valid. Mails of other kinds have none."""


def render(kind: MailKind, recipient: str, *, links_url: str, token: str | None) -> Mail:
    values = {}
    if token:
        # In the fragment, which browsers send to no server, so that no log contains it.
        values["link"] = f"{links_url}/{_PAGES[kind]}#token={token}"
        values["hours"] = f"{LIFETIMES[kind] // timedelta(hours=1)}"
    subject, _, text = _template(f"{kind}.txt").substitute(values).partition("\n\n")
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Mail(
        recipient=recipient,
        subject=subject.removeprefix("Subject: "),
        text=text,
        html=_template(f"{kind}.html").substitute(escaped),
    )


@cache
def _template(name: str) -> Template:
    return Template((_TEMPLATES / name).read_text(encoding="utf-8"))
