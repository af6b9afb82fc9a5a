"""The web application: routes, error texts, security headers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ..accounts.service import Accounts
from ..config import Settings
from ..console import pages
from ..errors import Conflict, NotFound
from ..incidents import Incidents
from . import health, routes
from .stream import Stream


def create_api(
    *,
    store: Any,
    settings: Settings,
    clock: Callable[[], datetime],
    incidents: Incidents,
    broker: Any = None,
    ingest: Any = None,
    fleet: Any = None,
) -> FastAPI:
    """Return the application; its event stream must be run beside it (`app.state.stream.run()`)."""
    app = FastAPI(
        title="Socors gateway", version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    state = app.state
    state.store, state.settings, state.clock, state.incidents = store, settings, clock, incidents
    state.broker, state.ingest, state.fleet = broker, ingest, fleet
    state.accounts = Accounts(store, clock)
    state.stream = Stream(store)
    app.include_router(routes.router)
    app.include_router(health.router)
    app.include_router(pages.router)
    pages.mount_static(app)
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.middleware("http")(_headers)
    return app


async def _conflict(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409)


async def _not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 404)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse(
        {"detail": f"{where} is not as it should be ({first['msg']}): mend it and send again."}, 422
    )


async def _headers(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    tiles = request.app.state.settings.tile_url
    images = "'self' data:" + (" " + tiles.split("/{")[0] if tiles else "")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; img-src {images}; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if "text/event-stream" not in response.headers.get("content-type", ""):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
