"""What schemathesis can't know by itself; schemathesis.toml loads this file.

In whose name each request is sent, which e-mail addresses there are, and how far an override reaches.
"""

import os
import string
import subprocess
import sys
from base64 import b64encode
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx
import schemathesis
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, CheckContext, HookContext, Response
from schemathesis.filters import HasAPIOperation
from schemathesis.generation.meta import TestPhase

from service_testing.factories import UserData, create_user_data

PASSWORD = "a kettle of fish"  # noqa: S105 - schemathesis.toml has it too, as one to try
_USERS = Path(__file__).parents[2] / "services" / "users"
_NOBODY = {"Authorization": ""}

_at_users = httpx.Client(base_url=os.environ["USERS_URL"], trust_env=False, timeout=30)


class _SignedIn:
    """Sends requests in one account's name, and in a new one's once they have put an end to it."""

    own_path: ClassVar[str]

    def __init__(self) -> None:
        self._headers = _NOBODY

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
class Person(_SignedIn):
    own_path = "/users/me"

    def get(self, case: Case[Any], context: AuthContext) -> dict[str, str]:
        if context.operation.label == "PUT /users/me/password":
            self._headers = _NOBODY  # someone new, whose password is still the known one
        return super().get(case, context)


@schemathesis.auth(refresh_interval=None).apply_to(tag="admin")
class Administrator(_SignedIn):
    own_path = "/admin/users/?size=1"

    def create(self, account: UserData) -> None:
        email, password = account["email"], account["password"]
        _users_command("create-admin", "--email", email, USERS_ADMIN_PASSWORD=password)


@schemathesis.auth(refresh_interval=None).apply_to(name="POST /auth/token")
class ServiceClient:
    """A registered service. Only the grant `client_credentials` looks at who it is."""

    def __init__(self) -> None:
        self._credentials = ""

    def get(self, case: Case[Any], _: AuthContext) -> str | None:
        if case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL:
            return None  # its tokens lead nowhere: there is no refresh token with them
        self._credentials = self._credentials or _client_credentials("schemathesis")
        return self._credentials

    def set(self, case: Case[Any], data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = f"Basic {data}"


class _Bearer:
    def set(self, case: Case[Any], data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(path_regex="^/internal/")
class ItemsService(_Bearer):
    """The other service, in its own name."""

    def get(self, _: Case[Any], __: AuthContext) -> str:
        headers = {"Authorization": f"Basic {_client_credentials('items')}"}
        form = {"grant_type": "client_credentials"}
        answer = _at_users.post("/auth/token", data=form, headers=headers).raise_for_status()
        return str(answer.json()["access_token"])


@schemathesis.auth(refresh_interval=30).apply_to(path_regex="^/events/")
class Relay(_Bearer):
    """Who delivers events: inside users, which gives these tokens to nobody else."""

    def get(self, _: Case[Any], __: AuthContext) -> str:
        return _users_python("-c", _PRINT_ONE_FOR_A_DELIVERY).strip()


_PRINT_ONE_FOR_A_DELIVERY = (
    "import asyncio; from app.main import build_state; from app.settings import UsersSettings; "
    "settings = UsersSettings(); state = build_state(settings, settings.open_database()); "
    "print(asyncio.run(state.issuer.for_delivery()).access_token)"
)


def _client_credentials(client_id: str) -> str:
    grants = ("--audience", "users-internal", "--scope", "users:read")
    printed = _users_command("create-client", client_id, *grants).splitlines()
    client = dict(line.split(": ") for line in printed)
    return b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def _users_command(*arguments: str, **variables: str) -> str:
    """Run users' `python -m app …`, as an operator does; what it printed."""
    return _users_python("-m", "app", *arguments, **variables)


def _users_python(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=_USERS,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


# Most of Hypothesis's own are at `.test`, `.local` and the like, where nobody gets mail.
_letters = string.ascii_letters + string.digits
_atom = st.text(_letters + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=50)
_label = st.text(_letters, min_size=1, max_size=63)
_top = st.sampled_from(["com", "de", "MUSEUM", "xn--p1ai"])
schemathesis.openapi.format("email", st.builds("{}@{}.{}.{}".format, _atom, _label, _label, _top))

_serials = count(1)


@schemathesis.hook
def map_body(_: HookContext, body: Any) -> Any:
    """Make each e-mail address a new one.

    Were it taken, the same request would be answered in another way the second time, upon which
    Hypothesis gives up on all sequences that begin with it.
    """
    email = body.get("email") if isinstance(body, dict) else None
    if isinstance(email, str) and "@" in email:
        return {**body, "email": f"{next(_serials)}.{email}"}
    return body


_RULES_OVER_SEVERAL_PARAMETERS = {"GET /items/", "GET /admin/users/"}


@schemathesis.check
def refused_for_its_page_alone(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """A valid query of a list may be refused for its page, as schemathesis.toml allows, and for nothing else."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    is_refused = response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    if is_valid and is_refused and case.operation.label in _RULES_OVER_SEVERAL_PARAMETERS:
        places = {tuple(mistake["loc"]) for mistake in response.json()["detail"]}
        if others := places - {("query", "page"), ("query", "after")}:
            raise AssertionError(f"A valid query was refused for {others}.")
