"""What a failed test leaves behind helps to find out why, and tells nobody a secret."""

import re
from collections.abc import Callable

from calls import CallLog
from people import Person
from selling import put_up
from stack import Stack, wait_for

NewPerson = Callable[[], Person]
_SECRETS = re.compile(r"\$argon2|PRIVATE KEY|eyJ[\w-]{20}|[Bb]earer \S{20}|Authorization:")


def test_a_failure_leaves_logs_states_and_databases_of_both_services(
    stack: Stack, new_person: NewPerson, calls: CallLog
) -> None:
    seller = new_person()
    location = put_up(seller)
    last = calls.calls[-1]
    wait_for(lambda: last.request_id in stack.items.log_text, "items to log the request")
    left = stack.describe()
    assert {"states.txt", "users-database.txt", "items-database.txt"} <= left.keys()
    assert last.request_id in left["items.log"]
    assert str(calls).splitlines()[-1].endswith(f"{last.request_id}  POST /items/")
    item_id = location.rpartition("/")[2]
    row = rf"^\[{item_id}, .*\b{seller.id}\b"
    assert re.search(row, left["items-database.txt"], re.MULTILINE)
    assert seller.data["name"] in left["users-database.txt"]


def test_no_secret_is_left_behind(stack: Stack, new_person: NewPerson, calls: CallLog) -> None:
    person = new_person()
    put_up(person)
    stack.users.command("create-client", "items")
    known = [person.data["password"], person.refresh_token, person.headers["Authorization"][7:]]
    for name, text in {**stack.describe(), "requests.txt": str(calls)}.items():
        assert [secret for secret in known if secret in text] == [], name
        assert _SECRETS.findall(text) == [], name
