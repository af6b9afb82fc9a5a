"""MQTT 3.1.1 over TLS inside the SIM7080G: certificate, log-in, publishing, and why a log-in failed.

Sources as in sim7080g.py: MAN chapters on SM*, CSSLCFG, CFS*, CA*; AN-MQTT 5.1 and 5.2; AN-SSL; AN-FS.
"""

import asyncio
import hashlib

import log
from sos_wire import kinds, topics

from drivers import sim7080g_lines as lines
from drivers.at import AtError, AtGone, AtTimeout
from drivers.sim7080g_limits import ModemError

_FOLDER = 3  # /customer/, AN-FS
_INPUT_MS = 5000
_CONTEXT = 0
_TLS_1_2 = 3
# A network's own limit for silent connections is a few minutes; this also bounds how long a dead one is believed in.
_KEEP_ALIVE_S = 60
# CAOPEN's results that are about the certificate: its time, its name, both (MAN, CAOPEN).
_CERTIFICATE_RESULTS = {
    24: "has expired, or is not valid yet by the modem's clock",
    25: "is another broker's",
    26: "is another broker's, and has expired",
}
_LEAST_TRY_MS = 2000
# The device's clock drifts by some minutes in a month without an answer; no zone or daylight saving reaches this far.
_CLOCKS_APART_S = 86_400
_POLL_MS = 100


class Mqtt:
    """One client, one session. `modem` gives the serial line, the network's data and the deadlines."""

    def __init__(self, modem):
        self._modem = modem
        self.session = False  # the modem has said that it is logged in, and nothing since that it is not
        self.opened = ""  # the last +CAOPEN line
        self.refused = 0  # messages that were torn
        self._certificate = ""  # name of the file, once this boot has it
        self._distrusted = False  # the file may be damaged: write it again

    def forget(self):
        """The modem has begun anew: sessions and TLS contexts are gone (CSSLCFG is NO_SAVE, MAN)."""
        self.session = False
        self._certificate = ""

    def take(self, line):
        """A message has come (+SMSUB with SUBHEX=1)."""
        found = lines.payload(line)
        if found is None:
            self.refused += 1
        elif self._modem.on_down is not None and found[0] == self._own_topic():
            self._modem.on_down(found[1])

    def _own_topic(self):
        number = self._modem.network["user"].split("-")[-1]
        return topics.device(lines.whole(number), "down")

    # Logging in.

    async def log_in(self, until):
        """Connect and subscribe; a session that has outlived a lost registration is taken up again."""
        if self.session and await self._state(until) in ("1", "2"):
            return
        await self._set_clock(until)
        name = await self._install(until)
        await self._secure(name, until)
        await self._configure(until)
        # A session the modem still believes in makes the next one wait for minutes (U): it goes first.
        if await self._state(until) != "0":
            await self._modem.ask("AT+SMDISC", until, "smdisc", once=True)
        if await self._dial(until) is None:
            fault, sentence = await self._why(name, until)
            raise self._modem.refuse(fault, sentence)
        await self._modem.order('AT+SMSUB="%s",1' % self._own_topic(), until, kinds.FAULT_BROKER, row="smpub")
        self.session = True

    async def _dial(self, until):
        """SMCONN opens TCP, TLS and MQTT before it answers, and has been seen to hang for a minute (U)."""
        try:
            return await self._modem.ask("AT+SMCONN", until, "smconn", once=True)
        except ModemError as error:
            if self._modem.state == "ATTACHED":
                error.fault = kinds.FAULT_BROKER  # the modem is there; it is the log-in that does not end
            raise

    async def log_off(self, until):
        """End the session; what is lost by that, nobody is told of."""
        self.session = False
        if self._modem.state == "CONNECTED":
            self._modem.state = "ATTACHED"
        await self._modem.ask("AT+SMDISC", until, "smdisc", once=True)

    async def _state(self, until):
        """Return "0" off, "1" on, "2" on with the session the broker kept, or "" (MAN, SMSTATE)."""
        line = await self._modem.value("AT+SMSTATE?", "+SMSTATE:", until)
        return lines.fields(line)[0] if line is not None else ""

    async def _set_clock(self, until):
        """A certificate is checked against the modem's clock: the network's, unless the device's own says otherwise.

        Its own comes sealed from the gateway; the network's from whoever runs the cell, and it has been wrong.
        """
        told_s = await self._modem.network_time(until)
        now_s = self._modem.own_clock()
        if now_s is not None and (told_s is None or abs(told_s - now_s) > _CLOCKS_APART_S):
            await self._modem.ask('AT+CCLK="%s"' % lines.clock_text(now_s), until)

    async def _install(self, until):
        """The CA's file is in the modem under the name of its hash, or is written now. AN-FS; MAN, CFSWFILE."""
        data = self._modem.network["ca"].encode()
        digest = hashlib.sha256(data).digest()
        name = "ca" + "".join(["%02x" % byte for byte in digest[:4]]) + ".pem"
        if self._certificate == name and not self._distrusted:
            return name
        fault = kinds.FAULT_CERTIFICATE
        for _ in range(3):
            # The buffer may still be held from before; asked for twice without being freed it is refused (AN-FS).
            await self._modem.ask("AT+CFSTERM", until)
            await self._modem.order("AT+CFSINIT", until, fault, "its file system does not open")
            there = not self._distrusted and await self._size(name, until) == len(data)
            if not there:
                self._distrusted = not await self._write(name, data, until)
                there = not self._distrusted and await self._size(name, until) == len(data)
            await self._modem.ask("AT+CFSTERM", until)
            if there:
                self._certificate = name
                return name
        raise self._modem.refuse(fault, "it does not keep the broker's CA certificate")

    async def _size(self, name, until):
        line = await self._modem.value('AT+CFSGFIS=%d,"%s"' % (_FOLDER, name), "+CFSGFIS:", until)
        return lines.whole(lines.fields(line)[0]) if line is not None else -1

    async def _write(self, name, data, until):
        text = 'AT+CFSWFILE=%d,"%s",0,%d,%d' % (_FOLDER, name, len(data), _INPUT_MS)
        try:
            await self._modem.port.command_with_data(text, data, self._modem.cap("cfswfile", until))
        except AtGone:
            raise self._modem.refuse(kinds.FAULT_MODEM, "it began anew in the middle of a file")
        except (AtError, AtTimeout):
            return False  # too slow, or letters lost: the file is not usable
        return True

    async def _secure(self, name, until):
        """TLS 1.2, the CA, the broker's name, the clock not ignored. After every boot (NO_SAVE). AN-MQTT 5.2.

        MAN writes the names in capitals; some firmware takes them in small letters only (U: TinyGSM, SIM7080).
        """
        host = self._modem.network["host"]
        fault = kinds.FAULT_CERTIFICATE
        for text in (
            '"sslversion",%d,%d' % (_CONTEXT, _TLS_1_2),
            '"ignorertctime",%d,0' % _CONTEXT,
            '"convert",2,"%s"' % name,
        ):
            await self._modem.order("AT+CSSLCFG=" + text, until, fault, "it refuses to be told whom to trust")
        if not host.replace(".", "").isdigit():  # an address is no name
            await self._modem.order('AT+CSSLCFG="sni",%d,"%s"' % (_CONTEXT, host), until, fault)
        await self._modem.order('AT+SMSSL=%d,"%s",""' % (_CONTEXT + 1, name), until, fault)

    async def _configure(self, until):
        """Who we are. The broker keeps our session, so that an answer sent while we were away still comes."""
        network = self._modem.network
        for key, value in (
            ("CLIENTID", '"%s"' % network["user"]),
            ("URL", '"%s",%d' % (network["host"], network["port"])),
            ("KEEPTIME", "%d" % _KEEP_ALIVE_S),
            ("CLEANSS", "0"),
            ("USERNAME", '"%s"' % network["user"]),
            ("PASSWORD", '"%s"' % network["password"]),
            ("SUBHEX", "1"),
        ):
            await self._modem.order(
                'AT+SMCONF="%s",%s' % (key, value),
                until,
                kinds.FAULT_BROKER,
                "it refuses its log-in's " + key,
            )

    # Why not.

    async def _why(self, name, until):
        """SMCONN says only ERROR. A connection of our own to the same place says more: return (fault, sentence)."""
        if not await self._has_address(until):
            self._modem.pdp = False
            return kinds.FAULT_NETWORK, "the data connection is gone"
        secured = await self._open(name, until)
        if secured == 0:
            return kinds.FAULT_BROKER, "the broker refuses the log-in"
        if secured in _CERTIFICATE_RESULTS:
            return kinds.FAULT_CERTIFICATE, "the broker's certificate " + _CERTIFICATE_RESULTS[secured]
        if await self._open(None, until) == 0:
            # It listens, but no TLS comes about: its certificate is not our CA's. Or our file of the CA is damaged.
            self._distrusted = self._certificate != ""
            self._certificate = ""
            return kinds.FAULT_CERTIFICATE, "the broker's certificate is not signed by our CA"
        return kinds.FAULT_BROKER, "the broker does not answer"

    async def _has_address(self, until):
        line = await self._modem.value("AT+CNACT?", "+CNACT: 0,", until)
        return line is not None and line.startswith("+CNACT: 0,1,")

    async def _open(self, name, until):
        """Open a connection with TLS, or with None without; return CAOPEN's result, 0 for open, -1 for none. MAN, CAOPEN."""
        network = self._modem.network
        await self._modem.ask("AT+CACLOSE=0", until, once=True)
        await self._modem.ask("AT+CACID=0", until)
        await self._modem.ask('AT+CASSLCFG=0,"SSL",%d' % (0 if name is None else 1), until)
        if name is not None:
            await self._modem.ask('AT+CASSLCFG=0,"CRINDEX",%d' % _CONTEXT, until)
            await self._modem.ask('AT+CASSLCFG=0,"CACERT","%s"' % name, until)
        self.opened = ""
        text = 'AT+CAOPEN=0,0,"TCP","%s",%d' % (network["host"], network["port"])
        part = until.part(self._modem.cap("caopen", until))
        await self._modem.ask(text, part, "caopen", once=True)
        while not self.opened and part.left() > _POLL_MS and self._modem.code == -1:
            await asyncio.sleep_ms(_POLL_MS)
        found = lines.fields(self.opened) if self.opened else []
        await self._modem.ask("AT+CACLOSE=0", until, once=True)
        return lines.whole(found[1]) if len(found) > 1 else -1

    # Publishing.

    async def publish(self, topic, payload, until):
        """SMPUB with exactly len bytes behind its prompt (MAN). Whatever is doubtful is published again.

        Lost letters of the payload leave the modem waiting; the serial line fills it up, and what then goes out is damaged
        and harmless, for its tag fails. An ERROR may be the first that is heard of a connection dead for an hour.
        """
        modem = self._modem
        text = 'AT+SMPUB="%s",%d,1,0' % (topic, len(payload))
        tries = 0
        while modem.state == "CONNECTED":
            if tries and until.left() < _LEAST_TRY_MS:
                modem.lose_mqtt()
                raise modem.refuse(kinds.FAULT_BROKER, "the broker does not confirm in time")
            tries += 1
            try:
                await modem.port.command_with_data(text, payload, modem.cap("smpub", until))
                return
            except AtError:
                await modem.value("AT+CMEE?", "+CMEE:", until)  # shows a modem that began anew unseen
                modem.lose_mqtt()
            except AtGone:
                pass  # told by on_lost already
            except AtTimeout as error:
                log.line("modem: published again (%s)" % error)
        raise modem.refuse(kinds.FAULT_BROKER, "not published: there is no session with the broker")
