"""The API: who may see what, one sentence for bad input, health."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sos_gateway.errors import NotFound
from sos_wire import evidence

PASSWORD, BADALONA = "correct horse battery", "08015"


@pytest.fixture
def client(desk):
    with httpx.Client(base_url=desk.url) as found:
        yield found


def token(desk, name, **kind):
    desk.operator(name, **kind)
    return {"Authorization": "Bearer " + desk.run(desk.accounts.new_token(name))}


def test_nobody_sees_anything_without_being_logged_in(client, desk):
    number = desk.incident()
    for path in ("/api/incidents", f"/api/incidents/{number}", "/api/events", "/api/me"):
        assert client.get(path).status_code == 401
    assert client.post(f"/api/incidents/{number}/accept").status_code == 401


def test_a_towns_officer_sees_her_towns_incidents_and_no_others(client, desk):
    here, there = desk.incident(town=BADALONA), desk.incident()
    mine = token(desk, "agent", towns=(BADALONA,))
    assert [i["id"] for i in client.get("/api/incidents", headers=mine).json()] == [here]
    assert client.get(f"/api/incidents/{there}", headers=mine).status_code == 404
    assert client.post(f"/api/incidents/{there}/accept", headers=mine).status_code == 404


def test_an_old_alarm_nobody_has_taken_stays_in_the_list_however_many_came_and_went_after_it(client, desk):
    waiting = desk.incident()

    async def many_are_closed():
        async with desk.store.transaction() as tx:
            await tx.connection.execute(
                "INSERT INTO incident (wearer_id, device, kind, state, town, occurred_at, received_at, updated_at, "
                "closed_at) SELECT wearer_id, device, kind, 'closed', town, now(), now(), now(), now() "
                "FROM incident, generate_series(1, 500)"
            )

    desk.run(many_are_closed())
    listed = client.get("/api/incidents", headers=token(desk, "agent")).json()
    assert listed[0]["id"] == waiting


def test_an_alarm_is_on_the_stream_although_the_connection_that_listens_has_died_without_a_word(client, desk):
    async def listener():
        async with desk.store.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )
            return [row["pid"] for row in await cursor.fetchall()]

    with client.stream("GET", "/api/events", headers=token(desk, "agent"), timeout=20) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: hello"
        (pid,) = desk.run(listener())
        os.kill(pid, signal.SIGSTOP)
        try:
            number = desk.incident()
            data = next(line for line in lines if line.startswith("data: {") and '"what"' in line)
            assert json.loads(data.removeprefix("data: "))["id"] == number
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_silent_alarm_is_seen_by_those_entitled_alone(client, desk):
    number = desk.incident(kind="silent", silent=True)
    assert client.get("/api/incidents", headers=token(desk, "agent")).json() == []
    special = token(desk, "special", role="specialist")
    assert [i["id"] for i in client.get("/api/incidents", headers=special).json()] == [number]


def test_an_unknown_position_is_nothing_and_never_zero(client, desk):
    desk.incident()
    assert client.get("/api/incidents", headers=token(desk, "agent")).json()[0]["position"] is None


def test_a_cookie_alone_changes_nothing(client, desk):
    number = desk.incident()
    desk.operator("agent")
    said = client.post("/api/login", json={"name": "agent", "password": PASSWORD})
    assert client.post(f"/api/incidents/{number}/accept").status_code == 403
    accepted = client.post(f"/api/incidents/{number}/accept", headers={"x-csrf": said.json()["csrf"]})
    assert accepted.json()["accepted_by"] == "agent"


def test_five_wrong_passwords_lock_an_account(client, desk):
    desk.operator("agent")
    for _ in range(5):
        assert client.post("/api/login", json={"name": "agent", "password": "wrong"}).status_code == 401
    assert client.post("/api/login", json={"name": "agent", "password": PASSWORD}).status_code == 401


def test_a_disabled_account_opens_nothing_any_more(client, desk):
    mine = token(desk, "agent")
    said = client.post("/api/login", json={"name": "agent", "password": PASSWORD})
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in said.cookies.items())}
    client.cookies.clear()
    assert [client.get("/api/me", headers=way).status_code for way in (mine, cookie)] == [200, 200]
    desk.run(desk.accounts.disable("agent"))
    assert [client.get("/api/me", headers=way).status_code for way in (mine, cookie)] == [401, 401]
    assert client.post("/api/login", json={"name": "agent", "password": PASSWORD}).status_code == 401
    with pytest.raises(NotFound, match="no account agnet"):
        desk.run(desk.accounts.disable("agnet"))


def test_a_stream_that_is_open_tells_a_disabled_account_nothing_any_more(client, desk):
    number = desk.incident()
    with client.stream("GET", "/api/events", headers=token(desk, "agent"), timeout=20) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: hello"
        desk.run(desk.accounts.disable("agent"))
        desk.walk(number, (412_650_000, 19_760_000, 5))
        assert not [line for line in lines if "position" in line]  # and it ends


def test_bad_input_gets_one_sentence(client, desk):
    number = desk.incident(state="accepted")
    mine = token(desk, "agent")
    answer = client.post(f"/api/incidents/{number}/close", headers=mine, json={"disposition": "eaten"})
    assert answer.status_code == 422
    assert "disposition" in answer.json()["detail"]
    early = desk.incident()
    answer = client.post(f"/api/incidents/{early}/close", headers=mine, json={"disposition": "real"})
    assert answer.json()["detail"] == f"Incident {early} is open, so it cannot become closed."


def test_a_track_and_a_cell_are_part_of_an_incident_and_unknown_stays_unknown(client, desk):
    walker, unknown = desk.incident(), desk.incident(cell="214-7-1234-5", cell_at=datetime.now(UTC))
    desk.walk(walker, (412_650_000, 19_760_000, 60), (412_650_000, 19_764_000, 5))
    mine = token(desk, "agent")
    found = client.get(f"/api/incidents/{walker}", headers=mine).json()
    assert [point["lon"] for point in found["track"]] == [1.976, 1.9764]
    assert {"lat", "lon", "radius_m", "at"} == set(found["track"][0])
    assert (found["position"]["radius_m"], found["position"]["source"]) == (25, "device")
    found = client.get(f"/api/incidents/{unknown}", headers=mine).json()
    assert (found["position"], found["track"], found["cell"]["name"]) == (None, [], "214-7-1234-5")


def test_positions_of_a_silent_alarm_are_seen_by_who_may_see_it_and_by_nobody_else(client, desk):
    hidden = desk.incident(kind="silent", silent=True)
    seen = desk.incident()
    ordinary, special = token(desk, "agent"), token(desk, "special", role="specialist")
    streamed = {}
    with (
        client.stream("GET", "/api/events", headers=ordinary) as theirs,
        client.stream("GET", "/api/events", headers=special) as hers,
    ):
        lines = {"ordinary": theirs.iter_lines(), "special": hers.iter_lines()}
        for reader in lines.values():
            assert any("hello" in line for line in reader)
        desk.walk(hidden, (412_650_000, 19_760_000, 5))
        desk.walk(seen, (412_650_000, 19_760_000, 5))
        for name, reader in lines.items():
            streamed[name] = []
            while seen not in streamed[name]:
                line = next(reader)
                said = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                # What is older than the stream may still come over it: the incidents themselves.
                if said.get("what") == "position":
                    assert said["position"]["radius_m"] == 25
                    streamed[name].append(said["id"])
    assert streamed == {"ordinary": [seen], "special": [hidden, seen]}
    assert client.get(f"/api/incidents/{hidden}", headers=ordinary).status_code == 404
    assert len(client.get(f"/api/incidents/{hidden}", headers=special).json()["track"]) == 1


FELT = bytes((i * 37 + 11) % 256 for i in range(evidence.BYTES))


def test_evidence_is_part_of_an_incident_and_what_has_not_come_is_nothing(client, desk):
    number = desk.incident(kind="fall")
    desk.felt(number, FELT, 8, 0, 3)
    mine = token(desk, "agent")
    (about,) = client.get(f"/api/incidents/{number}?lang=en", headers=mine).json()["evidence"]
    assert (about["boot"], about["seq"], about["pieces"], about["of"]) == (1, 1, 3, evidence.PIECES)
    assert "3 parts of 9 have come" in about["told"]
    (felt,) = client.get(f"/api/incidents/{number}/evidence", headers=mine).json()
    assert (felt["rate_hz"], felt["blow"]) == (evidence.RATE_HZ, evidence.BLOW)
    samples = felt["samples_mg"]
    assert len(samples) == evidence.SAMPLES
    came = {i for i, sample in enumerate(samples) if sample is not None}
    assert came == {*range(15), *range(45, 60), *range(120, 125)}
    for i in came:
        signed = [count - 256 if count > 127 else count for count in FELT[3 * i : 3 * i + 3]]
        assert samples[i] == [count * evidence.UNIT_MG for count in signed]


def test_an_incident_without_evidence_says_so_and_has_no_plot(client, desk):
    number, mine = desk.incident(kind="fall"), token(desk, "agent")
    assert client.get(f"/api/incidents/{number}", headers=mine).json()["evidence"] == []
    assert client.get(f"/api/incidents/{number}/evidence", headers=mine).json() == []
    none = client.get(f"/api/incidents/{number}/evidence.svg?boot=1&seq=1", headers=mine)
    assert (none.status_code, none.json()["detail"]) == (
        404,
        f"Incident {number} has no evidence of a fall 1/1.",
    )


def test_a_plot_is_drawn_in_the_language_asked_for_and_kept_by_no_browser(client, desk):
    number, mine = desk.incident(kind="fall"), token(desk, "agent")
    desk.felt(number, FELT, *range(evidence.PIECES))
    drawn = client.get(f"/api/incidents/{number}/evidence.svg?boot=1&seq=1&lang=es", headers=mine)
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.headers["cache-control"] == "no-store"
    assert "golpe" in drawn.text


@pytest.mark.parametrize("path", ["", "/evidence", "/evidence.svg?boot=1&seq=1"])
def test_evidence_is_seen_by_who_may_see_the_incident_and_by_nobody_else(client, desk, path):
    hidden = desk.incident(kind="silent", silent=True)
    there = desk.incident(kind="fall")
    for number in (hidden, there):
        desk.felt(number, FELT, 0)
    of_badalona = token(desk, "agent", towns=(BADALONA,))
    ordinary, special = token(desk, "other"), token(desk, "special", role="specialist")
    seen = {
        name: [client.get(f"/api/incidents/{n}{path}", headers=who).status_code for n in (hidden, there)]
        for name, who in (("agent", of_badalona), ("other", ordinary), ("special", special), ("nobody", {}))
    }
    assert seen == {"agent": [404, 404], "other": [404, 200], "special": [200, 200], "nobody": [401, 401]}


def test_that_she_is_up_again_is_said_with_its_time(client, desk):
    number, lies = desk.incident(kind="fall"), desk.incident(kind="fall")
    desk.risen(number)
    mine = token(desk, "agent")
    found = client.get(f"/api/incidents/{number}", headers=mine).json()
    assert datetime.now(UTC) - datetime.fromisoformat(found["risen_at"]) < timedelta(minutes=1)
    assert [step["what"] for step in found["history"]] == ["raised", "risen"]
    assert client.get(f"/api/incidents/{lies}", headers=mine).json()["risen_at"] is None


def test_faulty_devices_are_listed_for_their_towns_officers_and_protected_wearers_for_specialists(
    client, desk
):
    desk.incident(town=BADALONA)
    desk.incident()
    desk.incident(town=BADALONA, profile={"protected": True})
    for device in (1001, 1002, 1003):
        desk.faults(device, "sim", "gnss")
    of_badalona = token(desk, "agent", towns=(BADALONA,))
    special = token(desk, "special", role="specialist", towns=(BADALONA,))
    devices = {
        name: sorted(device["device"] for device in client.get("/api/faults", headers=who).json())
        for name, who in (("agent", of_badalona), ("special", special))
    }
    assert devices == {"agent": [1001], "special": [1001, 1003]}
    (one,) = client.get("/api/faults", headers=of_badalona).json()
    assert [fault["fault"] for fault in one["faults"]] == ["gnss", "sim"]


def test_health_metrics_and_openapi_answer(client, desk):
    assert client.get("/health").json()["status"]
    assert client.get("/api/openapi.json").json()["info"]["title"] == "Socors gateway"
    desk.incident()
    desk.faults(1001, "sim")
    page = client.get("/metrics")
    assert page.status_code == 200
    assert 'socors_device_faults{fault="sim"} 1' in page.text
