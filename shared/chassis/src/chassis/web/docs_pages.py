"""The API reference page, which loads nothing from other hosts and has a content policy."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
# People sign in without a client of their own.
_STYLE = (
    "<style>.auth-container .wrapper:has(#password_type, #client_id_password, "
    "#client_secret_password) { display: none }</style>"
)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI, *, connects_to: Sequence[str] = ()) -> None:
    """Serve `/docs`, where `/` leads to. The page may call this service and the origins in `connects_to`."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json?people=true",
        title=app.title,
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"displayRequestDuration": True},
    )
    html = bytes(page.body).decode().replace("</head>", f"{_STYLE}</head>")
    headers = {"Content-Security-Policy": _policy(html, connects_to)}

    @app.get("/", include_in_schema=False)
    async def read_root() -> RedirectResponse:
        return RedirectResponse("docs")

    @app.get("/docs", include_in_schema=False)
    async def read_docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    assets = StaticFiles(directory=_ASSETS)

    @app.get("/docs/assets/{name}", include_in_schema=False)
    async def read_asset(name: str, request: Request) -> Response:
        response = await assets.get_response(name, request.scope)
        response.headers["Cache-Control"] = "public, max-age=86400"  # 1.7 MB
        return response


def _policy(html: str, connects_to: Sequence[str]) -> str:
    hashes = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            "style-src 'self' 'unsafe-inline'",  # the page's own library writes style attributes
            "img-src 'self' data:",
            " ".join(("connect-src 'self'", *connects_to)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
