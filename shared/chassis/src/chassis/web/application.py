"""Builds a service's app, with what every service has."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from chassis.ops.health import (
    Check,
    Lifecycle,
    database_check,
    health_router,
    measure_connections,
    measure_readiness,
)
from chassis.ops.metrics import HttpMetrics, metrics_router, publish_build_info
from chassis.ops.settings import DatabaseSettings, ServiceSettings
from chassis.ops.telemetry import telemetry_config
from chassis.web.descriptions import operation_id
from chassis.web.docs_pages import install_docs
from chassis.web.error_handlers import install_error_handlers
from chassis.web.middleware import RequestMiddleware
from chassis.web.openapi import install_openapi
from chassis.web.state import Lifespan, ServiceState

VERSION = "0.1.0"
"""The version of every service's API."""


def build_app(
    *,
    name: str,
    title: str,
    description: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    migrations: Path | None = None,
    metrics: HttpMetrics | None = None,
    checks: Mapping[str, Check] | None = None,
    docs_connect_to: Sequence[str] = (),
    token_url: str | None = None,
) -> FastAPI:
    """An app that has connected to nothing yet; `lifespan` opens what it needs and yields it as the state.

    The routes find the state as `request.state.service` (`chassis.web.state`). Pass `metrics` when the
    service counts something itself, on `metrics.registry`. With a folder of `migrations`, the service isn't ready
    while the schema is older.

    `token_url` is where the docs page signs in when that is another service, which is then one of
    the origins that the page may connect to: `docs_connect_to`.
    """
    metrics = metrics or HttpMetrics()
    lifecycle = Lifecycle()
    app = FastAPI(
        title=title,
        description=description,
        version=VERSION,
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "/"}],
        lifespan=_yielding_state(lifespan),
        telemetry=telemetry_config(name, VERSION),
        docs_url=None,
        openapi_url=None,  # `install_openapi` serves it: the framework's own route has no name in metrics
        redoc_url=None,
        # A redirect would be built from the Host header, and clients drop credentials on it.
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.lifecycle = lifecycle
    all_checks = dict(checks or {})
    if isinstance(settings, DatabaseSettings):
        all_checks = {"database": database_check(migrations), **all_checks}
        metrics.measure_by(measure_connections(metrics.registry))
    publish_build_info(metrics.registry, VERSION)
    metrics.measure_by(measure_readiness(all_checks, lifecycle, metrics.registry))
    all_routers = [*routers, health_router(all_checks, lifecycle), metrics_router(metrics)]
    for router in all_routers:
        app.include_router(router)
    install_openapi(app, token_url, is_published=settings.docs)
    if settings.docs:
        install_docs(app, connects_to=docs_connect_to)
    install_error_handlers(app, [route for each in all_routers for route in each.routes])
    _install_middleware(app, settings, metrics, lifecycle)
    return app


def _yielding_state(
    lifespan: Lifespan,
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, ServiceState]]]:
    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[dict[str, ServiceState]]:
        async with lifespan(app) as state:
            yield {"service": state}

    return opened


def _install_middleware(
    app: FastAPI, settings: ServiceSettings, metrics: HttpMetrics, lifecycle: Lifecycle
) -> None:
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            # The docs page's sign-in sends X-Requested-With.
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "X-Request-ID",
                "X-Requested-With",
            ],
            expose_headers=["ETag", "Location", "X-Request-ID"],
        )
    # Added last, so it is the outermost: it also counts and logs the responses of CORS.
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        lifecycle=lifecycle,
    )
