"""How a route reads its body: only of the right media type (else 415), and fractions exactly."""

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from fastapi import Request, Response, params
from fastapi.routing import APIRoute

from chassis.web.errors import UnsupportedMediaType

FORM = "application/x-www-form-urlencoded"


class StrictRoute(APIRoute):
    """A route that takes its body as JSON, or as a form where it declares one, and as nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler
        wants_form = isinstance(self.body_field.field_info, params.Form)

        async def strict(request: Request) -> Response:
            request = _ExactRequest(request.scope, request.receive)
            content_type = request.headers.get("content-type")
            media_type = (content_type or "").partition(";")[0].strip().lower()
            if wants_form and media_type != FORM and await _has_body(request):
                raise UnsupportedMediaType(f"Send the body as {FORM}.")
            if not wants_form and not is_json(media_type) and await _has_body(request):
                raise UnsupportedMediaType("Send the body as application/json.")
            return await handler(request)

        return strict


class _ExactRequest(Request):
    """Reads JSON's fractions as `Decimal`: as a float, `1e-400` would be a zero."""

    async def json(self) -> Any:
        return json.loads(await self.body(), parse_float=Decimal)


def is_json(media_type: str) -> bool:
    """Whether a media type without parameters, in lower case, is JSON (RFC 6839, section 3.1)."""
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


async def _has_body(request: Request) -> bool:
    return bool(await request.body())
