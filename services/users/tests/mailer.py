"""Sends queued mails to a fake, when a test asks for it."""

from dataclasses import dataclass

from prometheus_client import Counter

from app.clients.mail import Mail
from app.jobs.mailing import Mailing


class Postbox:
    """A fake of a mail server."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.fails_with: Exception | None = None

    async def send(self, mail: Mail) -> None:
        if self.fails_with:
            raise self.fails_with
        self.mails.append(mail)


@dataclass
class Mailer:
    mailing: Mailing
    postbox: Postbox
    results: Counter

    async def delivered(self) -> list[Mail]:
        """The mails that are sent now."""
        before = len(self.postbox.mails)
        await self.mailing.work()
        return self.postbox.mails[before:]

    async def token(self) -> str:
        """The token in the only mail with a link that is sent now."""
        (mail,) = [each for each in await self.delivered() if "#token=" in each.text]
        return mail.text.partition("#token=")[2].split()[0]
