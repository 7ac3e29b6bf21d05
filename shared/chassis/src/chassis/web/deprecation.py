"""Routes and fields that will be removed: named in the API description and in each response (RFC 9745, RFC 8594)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Response


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """When something became deprecated, and when it may be removed at the earliest, at midnight UTC."""

    since: date
    sunset: date

    @property
    def route(self) -> dict[str, Any]:
        """Arguments for a route: `@router.get("/old", **OLD_LIST.route)`. Errors have no such headers."""
        return {
            "deprecated": True,
            "openapi_extra": {"x-sunset": self.sunset.isoformat()},
            "dependencies": [Depends(self._add_headers)],
        }

    @property
    def field(self) -> dict[str, Any]:
        """For a field or a parameter: `Field(json_schema_extra=OLD_NAME.field)`."""
        # Not pydantic's `deprecated`: it warns on each access.
        return {"deprecated": True, "x-sunset": self.sunset.isoformat()}

    async def _add_headers(self, response: Response) -> None:
        response.headers["Deprecation"] = f"@{int(_midnight(self.since).timestamp())}"
        response.headers["Sunset"] = format_datetime(_midnight(self.sunset), usegmt=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
