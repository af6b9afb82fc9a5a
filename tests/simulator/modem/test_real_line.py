"""The modem on the real network: a real broker, real TLS, a real certificate to refuse. Loopback only."""

import asyncio
import contextlib
import ssl
import time

import aiomqtt
import pytest
from sos_gateway.services import certificates, ports
from sos_gateway.services.broker import BrokerService

from simulator.chips.sim7080g import Failure, Identity, Sim7080g, line
from simulator.chips.sim7080g.line import Broker
from simulator.world.line_real import PahoLine

USER = "device-2001"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    service = BrokerService(tmp_path_factory.mktemp("broker"), tls=True)
    passwords = service.add("gateway", USER)
    with service:
        service.passwords = passwords
        yield service


def wanted(broker, **other):
    values = {
        "host": "localhost",
        "port": broker.port_311,
        "client_id": USER,
        "user": USER,
        "password": broker.passwords[USER],
        "tls": True,
        "ca_pem": broker.ca_file.read_bytes(),
        "now": time.time(),
    }
    return Broker(**values | other)


def stranger(tmp_path):
    certificates.make(tmp_path, ["localhost"])
    return (tmp_path / "ca.pem").read_bytes()


async def outcome(ask, *args):
    """Call something that takes a `done`; wait for what it says."""
    future = asyncio.get_running_loop().create_future()
    ask(*args, lambda value: future.done() or future.set_result(value))
    return await asyncio.wait_for(future, 30)


def test_a_message_goes_to_the_broker_and_one_comes_back(broker):
    async def story():
        paho, heard = PahoLine(), asyncio.Queue()
        paho.on_message = lambda topic, payload: heard.put_nowait((topic, payload))
        assert await outcome(paho.connect, wanted(broker)) is None
        assert await outcome(paho.subscribe, "socors/v1/d/2001/down", 1)
        assert await outcome(paho.publish, "socors/v1/d/2001/down", bytes(range(256)), 1, False)
        assert await asyncio.wait_for(heard.get(), 30) == ("socors/v1/d/2001/down", bytes(range(256)))
        assert await outcome(paho.unsubscribe, "socors/v1/d/2001/down")
        paho.disconnect()
        assert not await outcome(paho.publish, "socors/v1/d/2001/alarm", b"", 1, False)

    asyncio.run(story())


@pytest.mark.parametrize("ask", ["connect", "probe"])
def test_a_certificate_of_another_authority_is_refused(broker, tmp_path, ask):
    async def story():
        want = wanted(broker, ca_pem=stranger(tmp_path))
        assert (await outcome(getattr(PahoLine(), ask), want)).kind == line.UNTRUSTED

    asyncio.run(story())


@pytest.mark.parametrize("years", [-40, 4])
@pytest.mark.parametrize("ask", ["connect", "probe"])
def test_the_modems_clock_decides_whether_a_certificate_has_expired(broker, years, ask):
    async def story():
        want = wanted(broker, now=time.time() + years * 365 * 86400)
        assert (await outcome(getattr(PahoLine(), ask), want)).kind == line.EXPIRED

    asyncio.run(story())


def test_a_clock_that_is_to_be_ignored_refuses_nothing(broker):
    async def story():
        assert await outcome(PahoLine().probe, wanted(broker, now=0, check_time=False)) is None

    asyncio.run(story())


def test_a_certificate_of_another_host_is_refused(broker):
    async def story():
        want = wanted(broker, sni="broker.example")
        assert (await outcome(PahoLine().connect, want)).kind == line.WRONG_NAME

    asyncio.run(story())


def test_without_an_authority_nothing_is_verified_as_in_the_modem(broker):
    async def story():
        paho = PahoLine()
        assert await outcome(paho.connect, wanted(broker, ca_pem=None, now=0)) is None
        paho.disconnect()

    asyncio.run(story())


def test_a_wrong_password_does_not_come_in(broker):
    async def story():
        failure = await outcome(PahoLine().connect, wanted(broker, password="guessed"))
        assert failure.kind in (line.CREDENTIALS, line.CLOSED)

    asyncio.run(story())


def test_nobody_at_the_port_and_no_such_host_are_told_apart(broker):
    async def story():
        nobody = wanted(broker, port=ports.any_free("127.0.0.1"))
        assert (await outcome(PahoLine().connect, nobody)).kind == line.REFUSED
        assert (await outcome(PahoLine().probe, nobody)).kind == line.REFUSED
        nowhere = wanted(broker, host="broker.invalid")
        assert (await outcome(PahoLine().probe, nowhere)).kind == line.UNREACHABLE
        # A name that no socket takes.
        assert await outcome(PahoLine().probe, wanted(broker, host="x" * 200)) is not None

    asyncio.run(story())


def test_an_authority_that_is_no_certificate_is_a_failure_and_no_crash(broker):
    async def story():
        want = wanted(broker, ca_pem=b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
        for ask in (PahoLine().connect, PahoLine().probe):
            assert isinstance(await outcome(ask, want), Failure)

    asyncio.run(story())


def test_a_broker_that_dies_is_news(tmp_path):
    async def story(service):
        paho, lost = PahoLine(), asyncio.Event()
        paho.on_lost = lost.set
        assert await outcome(paho.connect, wanted(service)) is None
        service.kill()
        await asyncio.wait_for(lost.wait(), 30)

    service = BrokerService(tmp_path / "broker", tls=True)
    service.passwords = service.add(USER)
    with service:
        asyncio.run(story(service))


class LoopClock:
    """The real clock."""

    def now_us(self):
        return time.monotonic_ns() // 1000

    def after(self, us, do):
        asyncio.get_running_loop().call_later(us / 1e6, do)


class Nothing:
    """Neither satellites nor telephones."""

    def fix_at(self, t_us):
        return None

    def attach(self, number, receive):
        pass

    def send(self, sender, recipient, text, done):
        done(False)


class Host:
    """Someone at the other end of the UART."""

    def __init__(self):
        self.said = asyncio.Queue()
        self._rest = ""
        self.line = PahoLine()
        nothing = Nothing()
        self.modem = Sim7080g(
            LoopClock(), self.hear, self.line, nothing, nothing, Identity(), lambda load, on: None, scale=0.0
        )
        self.modem.flash["ipr"] = 115200
        self.modem.flash["clts"] = 1
        self.modem.rail(True)

    def hear(self, data):
        *lines, self._rest = (self._rest + data.decode("latin-1")).split("\r\n")
        for text in filter(None, (text.strip("\r") for text in lines)):
            self.said.put_nowait(text)
        if self._rest == "> ":
            self.said.put_nowait(">")
            self._rest = ""

    async def until(self, *ends):
        """Read lines until one begins with one of these."""
        lines = []
        while not lines or not lines[-1].startswith(ends):
            lines.append(await asyncio.wait_for(self.said.get(), 30))
        return lines

    async def ask(self, text):
        self.modem.receive(text.encode() + b"\r")
        return (await self.until("OK", "ERROR", "+CME ERROR"))[-1]

    async def attach(self):
        self.modem.pwrkey(True)
        await self.until("SMS Ready")
        self.modem.pwrkey(False)
        await self.ask("ATE0;+CMEE=2")
        assert await self.ask('AT+CNCFG=0,1,"internet"') == "OK"
        while self.modem.radio.status != 1:
            await asyncio.sleep(0)
        await self.ask("AT+CNACT=0,1")
        await self.until("+APP PDP: 0,ACTIVE")

    async def install(self, pem):
        await self.ask("AT+CFSINIT")
        self.modem.receive(f'AT+CFSWFILE=3,"ca.crt",0,{len(pem)},10000\r'.encode())
        await self.until("DOWNLOAD")
        self.modem.receive(pem)
        await self.until("OK")
        await self.ask("AT+CFSTERM")
        assert await self.ask('AT+CSSLCFG="CONVERT",2,"ca.crt"') == "OK"
        assert await self.ask('AT+CSSLCFG="SSLVERSION",0,3;+CSSLCFG="SNI",0,"localhost"') == "OK"

    async def configure(self, broker, password):
        for setting in (
            f'"URL","localhost",{broker.port_311}',
            f'"CLIENTID","{USER}"',
            f'"USERNAME","{USER}"',
            f'"PASSWORD","{password}"',
            '"SUBHEX",1',
        ):
            assert await self.ask("AT+SMCONF=" + setting) == "OK"
        assert await self.ask('AT+SMSSL=1,"ca.crt",""') == "OK"


def test_at_commands_carry_a_binary_frame_over_tls_to_the_gateway_and_bring_the_answer(broker):
    async def story():
        host = Host()
        await host.attach()
        await host.install(broker.ca_file.read_bytes())
        await host.configure(broker, broker.passwords[USER])
        assert await host.ask("AT+SMCONN") == "OK"
        assert await host.ask('AT+SMSUB="socors/v1/d/2001/down",1') == "OK"
        tls = ssl.create_default_context(cafile=str(broker.ca_file))
        async with aiomqtt.Client(
            "localhost", broker.port, username="gateway", password=broker.passwords["gateway"],
            tls_context=tls, protocol=aiomqtt.ProtocolVersion.V5,
        ) as gateway:  # fmt: skip
            await gateway.subscribe("socors/v1/d/+/alarm", qos=1)
            frame = bytes(range(40))
            host.modem.receive(b'AT+SMPUB="socors/v1/d/2001/alarm",40,1,0\r')
            await host.until(">")
            host.modem.receive(frame)
            assert (await host.until("OK", "+CME"))[-1] == "OK"
            got = await asyncio.wait_for(anext(aiter(gateway.messages)), 30)
            assert (str(got.topic), got.payload) == ("socors/v1/d/2001/alarm", frame)
            await gateway.publish("socors/v1/d/2001/down", b'"\r\n\x00', qos=1)
            assert (await host.until("+SMSUB"))[-1] == '+SMSUB: "socors/v1/d/2001/down","220D0A00"'
        assert await host.ask("AT+SMDISC") == "OK"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("wrong", "result"),
    [("authority", "+CAOPEN: 0,27"), ("clock", "+CAOPEN: 0,24"), ("name", "+CAOPEN: 0,25")],
)
def test_a_bad_certificate_is_an_error_without_a_reason_and_caopen_tells_more(
    broker, tmp_path, wrong, result
):
    async def story():
        host = Host()
        await host.attach()
        await host.install(stranger(tmp_path) if wrong == "authority" else broker.ca_file.read_bytes())
        await host.configure(broker, broker.passwords[USER])
        if wrong == "clock":
            await host.ask('AT+CCLK="80/01/06,00:00:00+00"')
        if wrong == "name":
            await host.ask('AT+CSSLCFG="SNI",0,"broker.example"')
        assert await host.ask("AT+SMCONN") == "+CME ERROR: operation not allowed"
        await host.ask('AT+CASSLCFG=0,"SSL",1;+CASSLCFG=0,"CRINDEX",0;+CASSLCFG=0,"CACERT","ca.crt"')
        host.modem.receive(f'AT+CAOPEN=0,0,"TCP","localhost",{broker.port_311}\r'.encode())
        assert result in await host.until("OK")

    asyncio.run(story())


def test_a_wrong_password_is_an_error(broker):
    async def story():
        host = Host()
        await host.attach()
        await host.install(broker.ca_file.read_bytes())
        await host.configure(broker, "guessed")
        assert await host.ask("AT+SMCONN") == "+CME ERROR: operation not allowed"
        assert await host.ask('AT+CAOPEN=0,0,"TCP","localhost",1') == "OK"

    asyncio.run(story())


def test_a_line_dropped_while_it_connects_says_nothing_more(broker):
    async def story():
        paho, said = PahoLine(), []
        paho.connect(wanted(broker), said.append)
        paho.drop()
        assert await outcome(paho.connect, wanted(broker)) is None
        with contextlib.suppress(asyncio.TimeoutError):
            assert await outcome(paho.publish, "socors/v1/d/2001/alarm", b"x", 1, False)
        assert said == []
        paho.disconnect()

    asyncio.run(story())
