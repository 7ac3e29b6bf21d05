"""The proxy is the one way in, and shares the load."""

from collections.abc import Callable
from functools import partial

import pytest
from compose import ComposeService, ComposeStack
from people import Person
from selling import put_up
from stack import Stack, wait_for

from service_testing.assertions import assert_error_response, assert_status

NewPerson = Callable[[], Person]
pytestmark = pytest.mark.only_on("compose", reason="two local processes have no proxy before them")


@pytest.mark.parametrize(
    "path",
    [
        "/events/",
        "/internal/users/",
        "/metrics",
        "/health/ready",
        "/health/live",
        "/",
        "/openapi.json",
    ],
)
def test_what_is_between_the_services_is_not_published(anyone: Person, path: str) -> None:
    assert_error_response(anyone.users.get(path), 404, "not_found")
    assert_error_response(anyone.users.post(path, json={}), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/users/%2e%2e/internal/users/",
        "/users/..%2finternal/users/",
        "/items/..%2fevents/",
        "//internal/users/",
    ],
)
def test_no_spelling_of_a_path_leads_behind_the_proxy(
    stack: Stack, anyone: Person, path: str
) -> None:
    assert_error_response(anyone.users.get(f"{stack.users.url}{path}"), 404, "not_found")


@pytest.mark.parametrize("service", ["users", "items"])
def test_each_service_has_its_docs_page_behind_the_proxy(anyone: Person, service: str) -> None:
    page = anyone.users.get(f"/docs/{service}/")
    assert_status(page, 200)
    assert "text/html" in page.headers["Content-Type"]


def test_a_location_leads_through_the_proxy_again(new_person: NewPerson, anyone: Person) -> None:
    location = put_up(new_person())
    assert_status(anyone.items.get(location), 200)


def test_all_copies_of_a_service_get_their_share(stack: Stack, anyone: Person) -> None:
    assert isinstance(stack, ComposeStack)
    for service, path in ((stack.users, "/.well-known/jwks.json"), (stack.items, "/items/?size=1")):
        sent = [f"{service.name}-share-{number}" for number in range(40)]
        for request_id in sent:
            assert_status(anyone.users.get(path, headers={"X-Request-ID": request_id}), 200)
        wait_for(partial(_are_logged, service, sent), "all requests to be logged")
        # By chance one of two copies gets fewer than 5 of 40 once in ten million runs.
        assert min(_shares(service, sent)) >= (5 if len(service.copies) > 1 else 40)


def _shares(service: ComposeService, request_ids: list[str]) -> list[int]:
    """How many of these requests each copy has logged."""
    logs = [copy.logs().decode() for copy in service.copies]
    return [sum(f'"{each}"' in log for each in request_ids) for log in logs]


def _are_logged(service: ComposeService, request_ids: list[str]) -> bool:
    return sum(_shares(service, request_ids)) == len(request_ids)
