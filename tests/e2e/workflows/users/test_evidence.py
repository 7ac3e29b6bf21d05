"""The evidence of a failed test helps to find the reason, and has no secret."""

import re

from tests.e2e.clients import NewUser, create_client
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for

_SECRETS = re.compile(r"\$argon2|PRIVATE KEY|eyJ[\w-]{20}|[Bb]earer \S{20}|Authorization:")


def test_evidence_has_logs_states_and_databases(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    user = new_user()
    last = request_log.requests[-1]
    wait_for(lambda: last.request_id in stack.users.log_text, "users to log the request")
    texts = stack.describe()
    assert {f"{each.name}.log" for each in stack.services} | {"states.txt"} <= texts.keys()
    assert last.request_id in texts["users.log"]
    assert str(request_log).splitlines()[-1].endswith(f"{last.request_id}  GET /users/me")
    row = rf"^\[{user.id}, .*{user.data['email']}"
    assert re.search(row, texts["users-database.txt"], re.MULTILINE)


def test_evidence_has_no_secret(stack: Stack, new_user: NewUser, request_log: RequestLog) -> None:
    user = new_user()
    create_client(stack.users, "reader")
    known = [user.data["password"], user.refresh_token, user.headers["Authorization"][7:]]
    for name, text in {**stack.describe(), "requests.txt": str(request_log)}.items():
        assert [secret for secret in known if secret in text] == [], name
        assert _SECRETS.findall(text) == [], name
