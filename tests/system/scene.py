"""What system tests do in the house: press, wait for a condition, kill a part, bring it back, reckon."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import psutil
import psycopg
from sos_gateway.app import utc_now
from sos_gateway.demo import audit
from sos_gateway.demo.house import House, answering
from sos_gateway.demo.wearer import Wearers
from sos_gateway.domain.incident import LATE_AFTER
from sos_gateway.keys.wrapping import Wrapper, read_key_file
from sos_wire import frame, kinds
from sos_wire.seal import Keys

# Nothing here takes so long unless it never comes: a repeat of an alarm is at most 30 s away.
PATIENCE_S = 60.0
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, httpx.TransportError)


@dataclass
class Scene:
    """The house, its wearers, and what has been pressed so far."""

    house: House
    wearers: Wearers
    raised: Counter[int] = field(default_factory=Counter)

    def __post_init__(self):
        self._fresh = iter(self.house.devices)
        self._fresh_watches = iter(self.house.watches)
        self._fingers = set()

    def pendant(self):
        """Return a pendant no test has used yet."""
        return next(self._fresh)

    def watch(self):
        """Return a watch no test has used yet."""
        return next(self._fresh_watches)

    def logs(self):
        folder = self.house.folder
        return sorted([*folder.glob("*.log"), *folder.glob("*/*.log"), *folder.glob("devices/*/log.txt")])

    # Waiting, for conditions only.

    async def until(self, what, condition, patience_s=PATIENCE_S):
        """Wait until an asynchronous condition gives something true, and return it. A part may be away meanwhile."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            with contextlib.suppress(*AWAY):
                if found := await condition():
                    return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"never came true: {what}")

    async def all(self, query, *values):
        """Return rows. A connection from before a kill of the database finds out at its next use: then another is used."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                async with self.house.store.transaction() as tx:
                    cursor = await tx.connection.execute(query, values or None)
                    return await cursor.fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise

    async def alarms(self, device):
        return await self.all(
            "SELECT * FROM event WHERE device = %s AND kind = ANY(%s) ORDER BY received_at",
            device,
            list(audit.ALARM_KINDS),
        )

    async def incidents(self, device):
        return await self.all("SELECT * FROM incident WHERE device = %s ORDER BY id", device)

    async def stored_alarm(self, device, number=1):
        """Wait until a device's n-th alarm is stored; return its event."""

        async def condition():
            rows = await self.alarms(device)
            return rows[number - 1] if len(rows) >= number else None

        return await self.until(f"alarm {number} of device {device} is stored", condition)

    async def incident_in(self, device, *states):
        """Wait until the newest incident of a device is in one of the states; return it."""

        async def condition():
            rows = await self.incidents(device)
            return rows[-1] if rows and rows[-1]["state"] in states else None

        return await self.until(f"device {device} has an incident that is {' or '.join(states)}", condition)

    async def felt(self, device, name, since_ns):
        return await self.wearers.wait_felt(device, name, since_ns, PATIENCE_S)

    @staticmethod
    def wall_clock(t_ns):
        """Return what the clock on the wall said at an instant of the monotonic one."""
        return utc_now() - timedelta(microseconds=(time.monotonic_ns() - t_ns) / 1000)

    # Wearers and officers.

    async def press(self, device):
        """Hold the button, as wearers do, until something is felt; return the monotonic instant before it."""
        since = time.monotonic_ns()
        await self.wearers.post(f"/devices/{device}/button", {"down": True})
        self.raised[device] += 1
        letting_go = asyncio.create_task(self._let_go(device, since))
        self._fingers.add(letting_go)
        letting_go.add_done_callback(self._fingers.discard)
        return since

    async def _let_go(self, device, since_ns):
        try:
            await self.first_haptic(device, since_ns)
        finally:
            await self.wearers.post(f"/devices/{device}/button", {"down": False})

    async def finger_is_up(self, device):
        async def condition():
            return (await self.wearers.get(f"/devices/{device}"))["pins"]["button"]

        await self.until(f"nobody holds the button of device {device}", condition)

    async def first_haptic(self, device, since_ns):
        """Wait for the first thing the wearer feels: now the alarm is journalled and about to be sent."""

        async def condition():
            return self.wearers.motor_up_ns.get(device, 0) > since_ns

        await self.until(f"device {device} vibrates", condition)

    def device_log(self, device):
        return (self.house.folder / "devices" / str(device) / "log.txt").read_text(errors="replace")

    async def officer(self, device, *steps):
        """An officer accepts and closes the newest incident of a device; each is felt."""
        number = (await self.incidents(device))[-1]["id"]
        for step in steps:
            since = time.monotonic_ns()
            headers = {"Authorization": f"Bearer {self.house.token}"}
            body = {"disposition": "real"} if step == "close" else None
            async with httpx.AsyncClient(base_url=self.house.gateway_url, headers=headers) as client:
                answer = await client.post(f"/api/incidents/{number}/{step}", json=body)
            answer.raise_for_status()
            await self.felt(device, {"accept": "accepted", "close": "closed"}[step], since)

    async def press_to_close(self, device):
        """The whole way of one alarm."""
        number = len(await self.alarms(device)) + 1
        since = await self.press(device)
        await self.stored_alarm(device, number)
        await self.felt(device, "received", since)
        await self.officer(device, "accept", "close")

    async def destroy(self, device):
        await self.wearers.post(f"/devices/{device}/destroy")

    # Radio.

    async def reception(self, **said):
        for hub in self.house.hubs:
            await self.wearers.post(f"/hubs/{hub}/reception", said)

    async def only(self, hub):
        """Let one hub hear, and no other."""
        for name in self.house.hubs:
            await self.wearers.post(f"/hubs/{name}/reception", {"deaf": name != hub})

    async def keys(self, device):
        (row,) = await self.all("SELECT secret FROM device WHERE number = %s", device)
        wrapper = Wrapper(read_key_file(self.house.folder / "key"))
        return Keys(wrapper.unwrap(device, bytes(row["secret"])))

    async def spooled(self, hub, keys, kind=kinds.SOS):
        """Wait until a hub's spool holds an event of a kind sealed with these keys; return its frame."""

        async def condition():
            return next((f for f in self._spool(hub) if _is(f, keys, kind)), None)

        return await self.until(f"the spool of {hub} holds the event", condition)

    def _spool(self, hub):
        path = self.house.folder / f"spool-{hub}.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return [bytes(row[0]) for row in database.execute("SELECT frame FROM frame")]

    # Parts.

    async def start_gateway(self):
        self.house.start_gateway()
        await answering(self.house, "gateway", self.house.gateway_url + "/health")

    async def kill(self, part):
        """kill -9."""
        if part == "broker":
            await asyncio.to_thread(self.house.broker.kill)
        elif part == "postgres":
            await asyncio.to_thread(self.house.postgres.kill)
        else:
            self.house.kill(part)

    def kill_firmware(self, device):
        """kill -9 of one device's interpreter: to it, as if the battery had fallen out for a moment."""
        simulator = psutil.Process(self.house.children["simulator"].pid)
        running = [child for child in simulator.children() if child.status() != psutil.STATUS_ZOMBIE]
        (process,) = [child for child in running if child.environ().get("SOCORS_DEVICE") == str(device)]
        process.kill()

    async def bring_back(self, part):
        if part == "broker":
            await asyncio.to_thread(self.house.broker.start)
        elif part == "postgres":
            await asyncio.to_thread(self.house.postgres.start)
        elif part == "gateway":
            await self.start_gateway()
        else:
            self.house.start_hub(part.removeprefix("hub-"))

    # Afterwards.

    async def all_is_well_again(self):
        """Every hub hears and reports, every spool runs empty of alarms."""
        await self.reception(loss=0.0, deaf=False)
        for name, child in self.house.children.items():
            assert child.poll() is None, f"{name} has ended by itself with status {child.returncode}"

    async def check_promises(self):
        """Nothing lost, nothing twice, nobody told of what is not stored."""

        found = None

        async def settled():
            nonlocal found
            found = await audit.reckon(self.house.store, self.raised, self.wearers.count_felt("received"))
            return found.clean()

        with contextlib.suppress(AssertionError):
            await self.until("nothing lost, nothing twice", settled, patience_s=20)
        if found is None or not found.clean():
            stored = {device: len(await self.alarms(device)) for device in self.raised}
            felt = {device: self.wearers.felt_since(device, 0) for device in self.raised}
            raise AssertionError(f"{found}; raised {self.raised}; stored {stored}; felt {felt}")


def _is(raw, keys, kind):
    body = keys.open_up(raw)
    return (
        body is not None
        and len(body) == kinds.BODY_BYTES[kinds.FORM_SHORT]
        and (frame.decode_short(body).kind == kind)
    )


def check_times(incident, event):
    """An alarm says when it was raised and when it came, and is called late where the two lie far apart."""
    assert event["time_known"]
    # The wire counts in units of two seconds; until its unit is over an event may still be younger.
    delay = event["received_at"] - event["occurred_at"]
    assert delay > -timedelta(seconds=2)
    assert incident["occurred_at"] == event["occurred_at"]
    assert incident["received_at"] == event["received_at"]
    assert incident["late"] == (delay > LATE_AFTER)
    return delay


@contextlib.asynccontextmanager
async def opened(house):
    wearers = Wearers(house.simulator_url)
    ready = asyncio.Event()
    listening = asyncio.create_task(wearers.listen(ready), name="wearers")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        yield Scene(house, wearers)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await wearers.close()
