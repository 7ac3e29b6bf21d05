"""Refusing a body of the wrong media type (415) before anything looks into it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, params
from fastapi.routing import APIRoute

from chassis.web.errors import UnsupportedMediaType

_FORM = "application/x-www-form-urlencoded"


class StrictRoute(APIRoute):
    """A route that takes its body as JSON, or as a form where it declares one, and as nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler
        wants_form = isinstance(self.body_field.field_info, params.Form)

        async def strict(request: Request) -> Response:
            content_type = request.headers.get("content-type")
            media_type = (content_type or "").partition(";")[0].strip().lower()
            if wants_form and media_type != _FORM and await _has_body(request):
                raise UnsupportedMediaType(f"Send the body as {_FORM}.")
            if not wants_form and not _is_json(media_type) and await _has_body(request):
                raise UnsupportedMediaType("Send the body as application/json.")
            return await handler(request)

        return strict


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


async def _has_body(request: Request) -> bool:
    return bool(await request.body())
