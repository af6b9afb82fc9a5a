"""The API: incidents, what officers do to them, the stream, log-in, health."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field
from sos_wire import evidence as wire
from sos_wire import kinds
from sse_starlette import EventSourceResponse, ServerSentEvent

from ..accounts.service import SESSION_LASTS, Operator
from ..console import i18n, plot
from ..domain.evidence import Evidence
from ..domain.incident import DISPOSITIONS
from ..health import NOTE_LASTS
from . import views

COOKIE = "socors"
RECENT = timedelta(hours=12)
OVER_MOST = 300
TRACK_MOST = 1000  # three hours of a position every ten seconds
FALLS_MOST = 8  # of one incident whose evidence is shown, the newest

router = APIRouter()


class LogIn(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class Close(BaseModel):
    disposition: Annotated[str, Field(pattern="^(" + "|".join(DISPOSITIONS) + ")$")]


class Cancel(BaseModel):
    note: Annotated[str, Field(min_length=1, max_length=500)]


async def operator(request: Request, authorization: Annotated[str, Header()] = "") -> Operator:
    """Return who asks: a machine by its token, a person by the cookie; a person's changes also need the CSRF token."""
    accounts = request.app.state.accounts
    if authorization.startswith("Bearer "):
        found = await accounts.who(authorization.removeprefix("Bearer ").strip(), "token")
        if found is None:
            raise HTTPException(401, "This token is not valid: make a new one with `socors account token`.")
        return found
    found = await accounts.who(request.cookies.get(COOKIE, ""), "browser")
    if found is None:
        raise HTTPException(401, "You are not logged in: log in and try again.")
    if request.method not in ("GET", "HEAD") and request.headers.get("x-csrf") != found.csrf:
        raise HTTPException(403, "The page is out of date: load it again.")
    return found


Asking = Annotated[Operator, Depends(operator)]


def language_of(lang: str | None = None, accept_language: Annotated[str, Header()] = "") -> str:
    """Return the language of the words in an answer."""
    return i18n.choose(lang, accept_language)


Language = Annotated[str, Depends(language_of)]


async def visible(request: Request, incident_id: int, asking: Operator) -> dict[str, Any]:
    """Return an incident's row if the operator may see it; one that is another's does not exist for him."""
    async with request.app.state.store.transaction() as tx:
        row = await tx.one("incident_view", incident_id=incident_id)
    if row is None or not views.may_see(asking, row):
        raise HTTPException(404, f"There is no incident {incident_id} you can see.")
    return row


@router.post("/api/login")
async def log_in(request: Request, response: Response, said: LogIn) -> dict[str, str]:
    """Begin a session: sets a cookie, returns the token that changes must carry in X-CSRF."""
    begun = await request.app.state.accounts.log_in(said.name, said.password)
    if begun is None:
        raise HTTPException(
            401, "Name or password is wrong, or the account is locked for a quarter of an hour."
        )
    token, csrf = begun
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.app.state.settings.secure_cookies,
    )
    return {"csrf": csrf}


@router.post("/api/logout")
async def log_out(request: Request, response: Response, asking: Asking) -> dict[str, bool]:
    await request.app.state.accounts.log_out(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)
    return {"ok": True}


@router.get("/api/me")
async def me(asking: Asking) -> dict[str, Any]:
    return {"name": asking.name, "role": asking.role, "towns": list(asking.towns)}


@router.get("/api/incidents")
async def incidents(request: Request, asking: Asking) -> list[dict[str, Any]]:
    """Every incident that is not over, and those of the last hours; what needs somebody first."""
    since = request.app.state.clock() - RECENT
    async with request.app.state.store.transaction() as tx:
        rows = await tx.all("incidents", since=since, most_over=OVER_MOST)
    return [views.incident(row) for row in sorted(rows, key=views.rank) if views.may_see(asking, row)]


@router.get("/api/incidents/{incident_id}")
async def incident(request: Request, incident_id: int, asking: Asking, language: Language) -> dict[str, Any]:
    """One incident with its history, its track, the ways it was heard, its falls, and what its device cannot do."""
    row = await visible(request, incident_id, asking)
    async with request.app.state.store.transaction() as tx:
        history = await tx.all("transitions", incident_id=incident_id)
        track = await tx.all("track", incident_id=incident_id, most=TRACK_MOST)
        heard = await tx.all("heard", incident_id=incident_id)
        felt = await tx.all("evidence", incident_id=incident_id, most=FALLS_MOST * wire.PIECES)
        risen = await tx.one("risen", incident_id=incident_id, kind=kinds.RISEN)
        faults = await tx.all("faults", device=row["device"], since=request.app.state.clock() - NOTE_LASTS)
    shown = [
        {
            "what": t["what"],
            "to": t["to_state"],
            "who": t["who"],
            "note": t["note"],
            "at": t["at"].isoformat(),
        }
        for t in history
    ]
    return {
        **views.incident(row),
        "risen_at": risen["at"].isoformat() if risen and risen["at"] else None,
        "evidence": [{**about, "told": plot.told(found, language)} for about, found in views.evidence(felt)],
        "history": shown,
        "track": [views.point(at) for at in track],
        "heard": [views.bearer(way) for way in heard],
        "faults": [views.fault(what) for what in faults],
    }


@router.get("/api/incidents/{incident_id}/evidence")
async def evidence(request: Request, incident_id: int, asking: Asking) -> list[dict[str, Any]]:
    """What the incident's falls felt like, the newest first: x, y, z in milli-g; null where nothing has come."""
    said = {"rate_hz": wire.RATE_HZ, "blow": wire.BLOW}
    return [
        {**about, **said, "clipped": felt.is_clipped, "samples_mg": felt.samples}
        for about, felt in await _felt(request, incident_id, asking)
    ]


@router.get("/api/incidents/{incident_id}/evidence.svg")
async def evidence_plot(
    request: Request, incident_id: int, boot: int, seq: int, asking: Asking, language: Language
) -> Response:
    """The same of one fall, drawn."""
    for about, felt in await _felt(request, incident_id, asking):
        if (about["boot"], about["seq"]) == (boot, seq):
            return Response(plot.svg(felt, language), media_type="image/svg+xml")
    raise HTTPException(404, f"Incident {incident_id} has no evidence of a fall {boot}/{seq}.")


async def _felt(
    request: Request, incident_id: int, asking: Operator
) -> list[tuple[dict[str, Any], Evidence]]:
    """Return the evidence of an incident that the operator may see."""
    await visible(request, incident_id, asking)
    async with request.app.state.store.transaction() as tx:
        rows = await tx.all("evidence", incident_id=incident_id, most=FALLS_MOST * wire.PIECES)
    return views.evidence(rows)


@router.get("/api/faults")
async def faults(request: Request, asking: Asking) -> list[dict[str, Any]]:
    """Devices that say they cannot do all they should, or whose alarm nobody could open."""
    async with request.app.state.store.transaction() as tx:
        rows = await tx.all("faults", device=None, since=request.app.state.clock() - NOTE_LASTS)
    return views.faulty([row for row in rows if views.may_see_device(asking, row)])


@router.post("/api/incidents/{incident_id}/accept")
async def accept(request: Request, incident_id: int, asking: Asking) -> dict[str, Any]:
    """Take an incident. Of two officers one gets it; the other is told who."""
    await visible(request, incident_id, asking)
    await request.app.state.incidents.accept(incident_id, asking.name)
    return views.incident(await visible(request, incident_id, asking))


@router.post("/api/incidents/{incident_id}/close")
async def close(request: Request, incident_id: int, said: Close, asking: Asking) -> dict[str, Any]:
    """End an accepted incident and say what it was."""
    await visible(request, incident_id, asking)
    await request.app.state.incidents.close(incident_id, asking.name, said.disposition)
    return views.incident(await visible(request, incident_id, asking))


@router.post("/api/incidents/{incident_id}/cancel")
async def cancel(request: Request, incident_id: int, said: Cancel, asking: Asking) -> dict[str, Any]:
    """Cancel an incident that should not be; the reason is kept."""
    await visible(request, incident_id, asking)
    await request.app.state.incidents.cancel(incident_id, asking.name, said.note)
    return views.incident(await visible(request, incident_id, asking))


@router.get("/api/events")
async def events(
    request: Request, asking: Asking, last_event_id: Annotated[str, Header()] = ""
) -> EventSourceResponse:
    """Every change of an incident the operator may see, as server-sent events; resumes after Last-Event-ID."""
    after = int(last_event_id) if last_event_id.isdigit() else None
    return EventSourceResponse(
        request.app.state.stream.events(asking, after),
        ping=10,
        ping_message_factory=lambda: ServerSentEvent(event="ping", data="{}"),
    )
