"""Pages of the console: the desk and the log-in; map and script come from here, never from elsewhere."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from xstatic.pkg import leaflet

from ..domain.incident import DISPOSITIONS
from . import i18n

COOKIE = "socors"
HERE = Path(__file__).parent
templates = Jinja2Templates(directory=HERE / "templates")
router = APIRouter(include_in_schema=False)


def mount_static(app: FastAPI) -> None:
    """Serve style, script, map library and boundaries from this machine."""
    app.mount("/static/leaflet", StaticFiles(directory=leaflet.BASE_DIR), name="leaflet")
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


def _page(request: Request, name: str, language: str, **values: object) -> HTMLResponse:
    words = i18n.words(language)
    return templates.TemplateResponse(
        request, name, {"w": words, "language": language, "languages": i18n.LANGUAGES, **values}
    )


@router.get("/")
async def desk(
    request: Request, lang: str | None = None, accept_language: Annotated[str, Header()] = ""
) -> Response:
    who = await request.app.state.accounts.who(request.cookies.get(COOKIE, ""), "browser")
    language = i18n.choose(lang, accept_language)
    if who is None:
        return RedirectResponse(f"/login?lang={language}", 303)
    setup = {
        "csrf": who.csrf,
        "language": language,
        "words": i18n.words(language),
        "dispositions": list(DISPOSITIONS),
        "tiles": request.app.state.settings.tile_url,
    }
    # Inside a script element only </ could end it early.
    return _page(request, "desk.html", language, who=who, setup=json.dumps(setup).replace("<", "\\u003c"))


@router.get("/login")
async def log_in(
    request: Request, lang: str | None = None, accept_language: Annotated[str, Header()] = ""
) -> Response:
    return _page(request, "login.html", i18n.choose(lang, accept_language))


@router.get("/boundaries.geojson")
async def boundaries() -> Response:
    """The 36 municipalities, drawn when there are no map tiles."""
    text = (files("sos_gateway") / "data" / "amb-municipalities.geojson").read_text()
    return Response(text, media_type="application/geo+json", headers={"Cache-Control": "max-age=86400"})
