"""Accounts, tokens and e-mail addresses for schemathesis; schemathesis.toml loads this file."""

import os
import string
import subprocess
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from typing import Any, ClassVar

import httpx
import schemathesis
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, CheckContext, HookContext, Response
from schemathesis.filters import HasAPIOperation
from schemathesis.generation.meta import TestPhase

import workspace
from tests.e2e.factories import UserData, create_user_data
from tests.e2e.stack import wait_for

PASSWORD = "a kettle of fish"
(_USERS,) = (each for each in workspace.services() if each.name == "users")
_NO_TOKEN = {"Authorization": ""}
_PASSWORD_TESTED = {"PUT /users/me/password", "PATCH /users/me", "POST /users/me/deletion"}

_at_users = httpx.Client(base_url=os.environ["USERS_URL"], trust_env=False, timeout=30)


class _Account:
    """Sends requests in the name of one account, and of a new one once that is deleted or deactivated."""

    own_path: ClassVar[str]

    def __init__(self) -> None:
        self._headers = _NO_TOKEN

    def get(self, _: Case[Any], __: AuthContext) -> dict[str, str]:
        if _at_users.get(self.own_path, headers=self._headers).is_error:
            account = create_user_data(password=PASSWORD)
            self.create(account)
            self._headers = _sign_in(account)
        return self._headers

    def set(self, case: Case[Any], data: dict[str, str], _: AuthContext) -> None:
        case.headers.update(data)

    def create(self, account: UserData) -> None:
        _at_users.post("/users/", json=account).raise_for_status()


def _sign_in(account: UserData) -> dict[str, str]:
    form = {"username": account["email"], "password": account["password"]}
    answer = _at_users.post("/auth/token", data=form).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def _asks_for_a_token(context: HasAPIOperation) -> bool:
    return bool(context.operation.definition.raw.get("security"))


@(
    schemathesis.auth(refresh_interval=None)
    .apply_to(_asks_for_a_token)
    .skip_for(path_regex="^/(admin|internal|events)/")
)
class User(_Account):
    own_path = "/users/me"

    def get(self, case: Case[Any], context: AuthContext) -> dict[str, str]:
        if context.operation.label in _PASSWORD_TESTED:
            self._headers = _NO_TOKEN  # a new account, whose password is known
        return super().get(case, context)


@schemathesis.auth(refresh_interval=None).apply_to(tag="admin")
class Administrator(_Account):
    own_path = "/admin/users/?size=1"

    def create(self, account: UserData) -> None:
        email, password = account["email"], account["password"]
        _users_command("create-admin", "--email", email, USERS_ADMIN_PASSWORD=password)


@schemathesis.auth(refresh_interval=None).apply_to(name="POST /auth/token")
class ServiceClient:
    """A registered service. Only the grant `client_credentials` reads its credentials."""

    def __init__(self) -> None:
        self._credentials = ""

    def get(self, case: Case[Any], _: AuthContext) -> str | None:
        if case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL:
            return None  # its answers have no refresh token
        self._credentials = self._credentials or _client_credentials("schemathesis")
        return self._credentials

    def set(self, case: Case[Any], data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = f"Basic {data}"


class _Bearer:
    def set(self, case: Case[Any], data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(path_regex="^/internal/")
class Reader(_Bearer):
    """A service in its own name."""

    def get(self, _: Case[Any], __: AuthContext) -> str:
        headers = {"Authorization": f"Basic {_client_credentials('reader')}"}
        form = {"grant_type": "client_credentials"}
        answer = _at_users.post("/auth/token", data=form, headers=headers).raise_for_status()
        return str(answer.json()["access_token"])


@schemathesis.auth(refresh_interval=30).apply_to(path_regex="^/events/")
class Relay(_Bearer):
    """The users service when it delivers an event to the service: this process is each subscriber."""

    def __init__(self) -> None:
        self._subscriber: HTTPServer | None = None

    def get(self, _: Case[Any], __: AuthContext) -> str:
        self._subscriber = self._subscriber or _start_subscriber()
        _tokens.clear()
        _at_users.post("/users/", json=create_user_data()).raise_for_status()
        wait_for(lambda: bool(_tokens), "users to deliver the event of the new account")
        return _tokens[-1]


_tokens: list[str] = []


class _Subscriber(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == f"/{os.environ['SERVICE']}/":
            _tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _start_subscriber() -> HTTPServer:
    server = HTTPServer(("127.0.0.1", int(os.environ["EVENTS_PORT"])), _Subscriber)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _client_credentials(client_id: str) -> str:
    grants = ("--audience", "users-internal", "--scope", "users:read")
    printed = _users_command("create-client", client_id, *grants).splitlines()
    client = dict(line.split(": ") for line in printed)
    return b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def _users_command(*arguments: str, **variables: str) -> str:
    """Run `python -m app …` of the users service, as an operator does, and return the output."""
    done = subprocess.run(
        [_USERS.python, "-m", "app", *arguments],
        cwd=_USERS.folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


# Hypothesis itself makes mostly addresses at `.test`, `.local` and the like, which users refuses.
_letters = string.ascii_letters + string.digits
_atom = st.text(_letters + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=50)
_label = st.text(_letters, min_size=1, max_size=63)
_top = st.sampled_from(["com", "de", "MUSEUM", "xn--p1ai"])
schemathesis.openapi.format(
    "idn-email", st.builds("{}@{}.{}.{}".format, _atom, _label, _label, _top)
)

_serials = count(1)


@schemathesis.hook
def map_body(_: HookContext, body: Any) -> Any:
    """Make each e-mail address unique, and round prices to cents.

    With a taken address the same request gets another answer the second time, and Hypothesis gives up on all
    sequences that begin with it.
    """
    if not isinstance(body, dict):
        return body
    email = body.get("email")
    if isinstance(email, str) and "@" in email:
        body = {**body, "email": f"{next(_serials)}.{email}"}
    return _in_cents(body)


_SETS_A_PASSWORD = {
    "POST /users/": "password",
    "PUT /users/me/password": "new_password",
    "POST /auth/password-reset/confirm": "new_password",
}


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
    """Lengthen what may be a common password: those are refused, and no description can list them."""
    field = _SETS_A_PASSWORD.get(case.operation.label, "")
    body: Any = case.body
    password = body.get(field) if isinstance(body, dict) else None
    if isinstance(password, str) and len(password) in range(8, 100):
        case.body = {**body, field: f"{password}~kettle"}


@schemathesis.hook
def map_query(_: HookContext, query: Any) -> Any:
    """Round prices to cents."""
    return _in_cents(query) if isinstance(query, dict) else query


def _in_cents(values: dict[str, Any]) -> dict[str, Any]:
    # JSON Schema can't say "two decimal places" of a number: to `multipleOf: 0.01`, 19.99 isn't a multiple.
    return {
        name: round(value, 2) if name.endswith("price") and isinstance(value, float) else value
        for name, value in values.items()
    }


@schemathesis.check
def rejected_for_page_or_reference_alone(
    _: CheckContext, response: Response, case: Case[Any]
) -> None:
    """What is valid may be refused for its page, or for an id that isn't known, but for nothing else.

    schemathesis.toml of a service allows that for a list or for a body with such an id.
    """
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    is_refused = response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    detail = response.json()["detail"] if is_valid and is_refused else ""
    if isinstance(detail, list):
        places = {(mistake["loc"][0], str(mistake["loc"][-1])) for mistake in detail}
        may_be_wrong = {("query", "page"), ("query", "after")}
        if others := {each for each in places - may_be_wrong if not each[1].endswith("_id")}:
            raise AssertionError(f"What is valid was refused for {others}.")
