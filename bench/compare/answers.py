"""That the product and the reference give the same answer: otherwise a comparison says nothing."""

import re

import httpx

from compare.routes import Route


class AnswersDiffer(Exception):
    """The bodies or the statuses of a route aren't the same; the text shows both."""


def check_same_answer(route: Route, product_url: str, reference_url: str) -> None:
    """A GET has to be the same byte for byte. What is created has an id and times of its own.

    Raises:
        AnswersDiffer: they aren't the same.
    """
    answers = [_answer(route, url) for url in (product_url, reference_url)]
    comparable = answers if route.method == "GET" else [_without_digits(each) for each in answers]
    if comparable[0] != comparable[1]:
        raise AnswersDiffer(f"{route.name}:\n  product    {answers[0]}\n  reference  {answers[1]}")


def _answer(route: Route, url: str) -> tuple[int, str]:
    answer = httpx.request(
        route.method,
        f"{url}{route.path}",
        headers=dict(route.headers),
        content=route.body,
        trust_env=False,
    )
    return answer.status_code, answer.text


def _without_digits(answer: tuple[int, str]) -> tuple[int, str]:
    return answer[0], re.sub(r"\d+", "0", answer[1])
