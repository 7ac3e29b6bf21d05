"""Mails on their way to a real SMTP server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from app.clients.mail import Mail, MailNotSent, MailRefused, SmtpMail
from app.main import create_app
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from service_testing.assertions import assert_status
from service_testing.lifespan import running
from tests.factories import create_user_data

MAIL = Mail(recipient="ada@example.com", subject="Grüße", text="Hello\n", html="<p>Hello</p>")
SENDER = "Example <no-reply@example.com>"


@pytest.fixture
def untrusted_certificate(tmp_path: Path) -> ssl.SSLContext:
    """The context of a server with a certificate that it has signed itself."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .sign(key, None)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / "server.pem"
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


class Handler:
    """Receives mails, or answers each with `answer`."""

    def __init__(self, answer: str = "250 OK", recipient_answer: str = "250 OK") -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self._answer = answer
        self._recipient_answer = recipient_answer

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if self._recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self._recipient_answer

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.received.append(message_from_bytes(content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        return self._answer


@asynccontextmanager
async def server(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """Host and port of a server."""
    create: Callable[[], SMTP] = lambda: SMTP(handler, enable_SMTPUTF8=True, **options)  # noqa: E731
    listening = await asyncio.get_running_loop().create_server(create, "127.0.0.1", 0)
    async with listening:
        host, port = listening.sockets[0].getsockname()
        yield f"{host}:{port}"


async def send(url: str, mail: Mail = MAIL) -> None:
    await SmtpMail(url, sender=SENDER, deadline_seconds=5).send(mail)


async def test_mail_arrives_as_text_and_html() -> None:
    handler = Handler()
    async with server(handler) as address:
        await send(f"smtp+plain://{address}")
    (mail,) = handler.received
    assert handler.recipients == ["ada@example.com"]
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "ada@example.com", "Grüße")
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    parts = [part.get_content_type() for part in mail.iter_parts()]
    assert parts == ["text/plain", "text/html"]


async def test_address_beyond_ascii_gets_its_mail() -> None:
    handler = Handler()
    mail = Mail(recipient="用户@例子.广告", subject="x", text="x", html="x")
    async with server(handler) as address:
        await send(f"smtp+plain://{address}", mail)
    assert handler.recipients == ["用户@例子.广告"]


async def test_credentials_are_sent() -> None:
    seen = []

    def authenticate(*arguments: Any) -> AuthResult:
        seen.append((arguments[-1].login, arguments[-1].password))
        return AuthResult(success=True)

    handler = Handler()
    options = {"authenticator": authenticate, "auth_require_tls": False}
    async with server(handler, **options) as address:
        await send(f"smtp+plain://ada:p%40ss@{address}")
    assert len(handler.received) == 1
    assert seen == [(b"ada", b"p@ss")]


async def test_nothing_is_sent_without_tls_unless_the_url_says_so() -> None:
    handler = Handler()
    async with server(handler) as address:
        for scheme in ("smtp", "smtps"):
            with pytest.raises(MailNotSent):
                await send(f"{scheme}://{address}")
    assert handler.received == []


async def test_certificate_that_nobody_vouches_for_is_refused(
    untrusted_certificate: ssl.SSLContext,
) -> None:
    handler = Handler()
    async with server(handler, tls_context=untrusted_certificate) as address:
        with pytest.raises(MailNotSent, match="SSL"):
            await send(f"smtp://{address}")
    assert handler.received == []


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"answer": "554 no"}, MailRefused),
        ({"answer": "451 later"}, MailNotSent),
        ({"recipient_answer": "550 no such user ada@example.com"}, MailRefused),
        ({"recipient_answer": "450 busy"}, MailNotSent),
    ],
    ids=str,
)
async def test_answer_of_the_server_says_whether_to_try_again(
    answers: dict[str, str], error: type[Exception]
) -> None:
    async with server(Handler(**answers)) as address:
        with pytest.raises(error, match="the server answers") as caught:
            await send(f"smtp+plain://{address}")
    assert "ada" not in str(caught.value)


async def test_server_that_is_unavailable_gets_the_mail_later() -> None:
    async with server(Handler()) as address:
        pass
    with pytest.raises(MailNotSent, match="SMTPConnectError"):
        await send(f"smtp+plain://{address}")


class Inbox(Handler):
    """What its owner does with mails: wait for the next one, and follow its link."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived: asyncio.Queue[EmailMessage] = asyncio.Queue()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(_, __, envelope)
        self._arrived.put_nowait(self.received[-1])
        return answer

    async def next(self) -> EmailMessage:
        async with asyncio.timeout(30):
            return await self._arrived.get()

    async def next_token(self, recipient: str, page: str) -> str:
        mail = await self.next()
        texts = [part.get_content() for part in mail.iter_parts() if isinstance(part, EmailMessage)]
        (text, html), link = texts, f"https://shop.example.com/{page}#token="
        token = str(text).partition(link)[2].split()[0]
        assert mail["To"] == recipient
        assert f'<a href="{link}{token}">' in html
        return token


async def test_account_lives_by_its_mails(settings: UsersSettings, spare_database_url: str) -> None:
    """Registration, another password and another address, with the service's own mailing."""
    inbox, person, database = Inbox(), create_user_data(), Database(spare_database_url)
    old, new = person["email"], "new@example.org"
    async with server(inbox) as address:
        mails = {
            "mail_url": SecretStr(f"smtp+plain://{address}"),
            "mail_sender": SENDER,
            "mail_links_url": "https://shop.example.com",
            "background": True,
        }
        app = create_app(settings.model_copy(update=mails), database=database)
        async with running(app) as client:
            assert_status(await client.post("/users/", json=person), 201)
            confirmed = {"token": await inbox.next_token(old, "verify-email")}
            assert_status(
                await client.post("/auth/email-verification/confirm", json=confirmed), 204
            )

            assert_status(await client.post("/auth/password-reset", json={"email": old}), 202)
            token = await inbox.next_token(old, "reset-password")
            chosen = {"token": token, "new_password": "another kettle"}
            assert_status(await client.post("/auth/password-reset/confirm", json=chosen), 204)
            told = await inbox.next()
            assert (told["To"], told["Subject"]) == (old, "Your password has changed")

            form = {"username": old, "password": "another kettle"}
            tokens = (await client.post("/auth/token", data=form)).json()
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            change = {"email": new, "current_password": "another kettle"}
            assert_status(await client.patch("/users/me", json=change), 200)
            moved = {"token": await inbox.next_token(new, "verify-email")}
            assert_status(await client.post("/auth/email-verification/confirm", json=moved), 204)
            told = await inbox.next()
            assert told["To"] == old
            assert told["Subject"] == "The e-mail address of your account has changed"
            me = (await client.get("/users/me")).json()
            assert (me["email"], me["email_verified"]) == (new, True)
    await database.aclose()
