"""Sends mails: by SMTP, or to the terminal in development."""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

_PERMANENT = 500
_DEFAULT_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


@dataclass(frozen=True, kw_only=True)
class Mail:
    recipient: str
    subject: str
    text: str
    html: str


class MailNotSent(Exception):
    """The server may take it later. The text names no address."""


class MailRefused(Exception):
    """The server will never take it. The text names no address."""


class MailTransport(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises MailNotSent or MailRefused."""
        ...


class ConsoleMail:
    """Prints mails to the terminal. For development: they contain addresses and tokens."""

    async def send(self, mail: Mail) -> None:
        lines = (f"To: {mail.recipient}", f"Subject: {mail.subject}", "", mail.text.strip())
        print("----- mail -----", *lines, "----- end of mail -----", sep="\n", flush=True)


class SmtpMail:
    """Hands each mail to a server, on a connection of its own."""

    def __init__(self, url: str, *, sender: str, deadline_seconds: float) -> None:
        """`url`: `smtps://` is TLS, `smtp://` demands STARTTLS, `smtp+plain://` is not encrypted."""
        self._url = urlsplit(url)
        self._sender = sender
        self._deadline_seconds = deadline_seconds

    async def send(self, mail: Mail) -> None:
        import aiosmtplib  # noqa: PLC0415 - a service without SMTP starts faster without it

        url = self._url
        try:
            # The library's own timeouts are per command.
            async with asyncio.timeout(self._deadline_seconds):
                await aiosmtplib.send(
                    self._message(mail),
                    hostname=url.hostname,
                    port=url.port or _DEFAULT_PORTS[url.scheme],
                    username=unquote(url.username) if url.username else None,
                    password=unquote(url.password) if url.password else None,
                    use_tls=url.scheme == "smtps",
                    start_tls=url.scheme == "smtp",
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _failure(min(each.code for each in error.recipients)) from None
        except aiosmtplib.SMTPDataError as error:
            raise _failure(error.code) from None
        except Exception as error:  # noqa: BLE001 - one mail must not stop the others
            # Its text may repeat what was sent.
            raise MailNotSent(type(error).__name__) from None

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=parseaddr(self._sender)[1].partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


def _failure(code: int) -> Exception:
    reason = f"the server answers {code}"
    return MailRefused(reason) if code >= _PERMANENT else MailNotSent(reason)
