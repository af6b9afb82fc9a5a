"""SIM7080G modem: power, registration and data connection; what stands on them has files of its own beside this one.

Sources, by the names used here and there: MAN = SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05; AN-MQTT 1.03,
AN-LP 1.02, AN-GNSS 1.02, AN-SSL 1.00, AN-FS 1.02 = SIMCom's application notes; HW = SIM7080G Hardware Design V1.03;
U = what users of the modem report.
"""

import asyncio
import time

import log
from sos_wire import kinds

from drivers import sim7080g_lines as lines
from drivers.at import AtError, AtGone, AtPort, AtTimeout
from drivers.sim7080g_gnss import Gnss
from drivers.sim7080g_limits import LAST_STEPS_MS, TIMEOUTS_MS, ModemError, Until
from drivers.sim7080g_mqtt import Mqtt
from drivers.sim7080g_settings import Settings
from drivers.sim7080g_sms import Sms

OFF = "OFF"
BOOTING = "BOOTING"
READY = "READY"
REGISTERED = "REGISTERED"
ATTACHED = "ATTACHED"
CONNECTED = "CONNECTED"
GNSS = "GNSS"
ASLEEP = "ASLEEP"
_ON_AIR = (REGISTERED, ATTACHED, CONNECTED)

# PWRKEY is a toggle: on takes 1 s low or more, off 1.2 s (HW). Between the two it starts a modem that is off and leaves
# one that is on alone.
_PWRKEY_ON_MS = 1100
_PWRKEY_OFF_MS = 1500
# From the key's release to off 1.8 s and more (HW); from off, or from the rail's return, to the next press 2 s (HW).
_GOING_OFF_MS = 3000
_OFF_TO_ON_MS = 2100
_RESET_MS = 2000  # the soonest that a modem which begins anew can hear
_RAIL_OFF_MS = 1000  # what the capacitors on the rail hold for
_WAKE_MS = 100  # from DTR low to the first letter that is not lost (U)
# A SIM of several operators is denied by one before it is let in by the next.
_DENIED_MS = 15_000
_POLL_MS = 500
_ATTEND_MS = 5_000
# The news of a message may be lost on the line, and of one that found the SIM full there is none: looked every 20 s.
_LOOK_AFTER = 4
# What a boot prints comes within so long of RDY (U).
_BOOT_TEXT_MS = 15_000
_LADDER = 6

_POWERED_DOWN = ("NORMAL POWER DOWN", "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE POWER DOWN")


class Modem:
    """The modem. Every method ends within its row of TIMEOUTS_MS or raises ModemError; one task calls them.

    The owner runs `run()` as a task of its own and may set three callbacks, called from there: they must not block.
    """

    def __init__(self, uart, power, network, sleep_mode="psm"):
        self.port = AtPort(uart, self._urc)
        self.power = power
        self.network = network
        self.sleep_mode = (
            sleep_mode  # "psm": deaf, 3 µA, wakes by the power key; "light": 1.2 mA, wakes by DTR
        )
        self.state = OFF
        self.code = -1  # number of the last CME or CMS error
        self.on_down = None  # (payload: bytes): somebody published to our own topic
        self.on_sms = None  # (number, text)
        self.on_lost = None  # (what): "mqtt", "pdp", "registration", "reboot", "sim"
        self.mqtt = Mqtt(self)
        self.sms = Sms(self)
        self._lives = 0  # of the task that listens
        self.satellites = Gnss(self)
        self._settings = Settings(self)
        self.pdp = False
        self._pdp_refused = False
        self._off_at = None  # ticks of when it went off, or got its rail back
        self._dark = False  # we have taken the power away ourselves
        self._set_up = False  # the settings of this boot are made
        self.boots = 0  # seen, or brought about
        self._ready_at = None  # when it last said RDY
        self._silences_radio = False  # what is lost now, we have let go of
        self._refused_pin = False
        self._clock = None  # (unix_s, ticks) of the device's own clock

    @property
    def connected(self):
        """Whether publish() has a connection to the broker, as far as is known."""
        return self.state == CONNECTED

    # Talking to it: the only ways to the serial line.

    async def ask(self, text, until, row="plain", once=False):
        """Send a command; return its lines, or None if the modem refuses (`code` says by which number)."""
        self.code = -1
        try:
            return await self.port.command(text, self.cap(row, until), once)
        except AtError as error:
            self.code = error.code
            return None
        except AtTimeout as error:
            raise self.silent(error)
        except AtGone:
            raise ModemError(kinds.FAULT_MODEM, "the modem began anew in the middle of a command")

    async def order(self, text, until, fault=kinds.FAULT_MODEM, sentence=None, row="plain"):
        """Send a command that must succeed; the sentence says what is amiss when it does not."""
        answer = await self.ask(text, until, row)
        if answer is None:
            raise self.refuse(fault, sentence or "the modem refuses " + text.split("=")[0])
        return answer

    async def value(self, text, prefix, until):
        """Ask, and return the line that begins so, or None."""
        for line in await self.ask(text, until) or ():
            if line.startswith(prefix):
                return line
        return None

    def refuse(self, fault, sentence):
        """Log the sentence, and return the error to raise."""
        log.line("modem: " + sentence)
        return ModemError(fault, sentence)

    def silent(self, error):
        return self.refuse(kinds.FAULT_MODEM, "no answer in time (%s)" % error)

    @staticmethod
    def cap(row, until):
        """Return what a command of this row may take of what is left."""
        return until.cap(TIMEOUTS_MS[row])

    def until(self, row, timeout_ms=None):
        # Each step that is left when time is up takes a moment of its own: the method ends in its time all the same.
        return Until((TIMEOUTS_MS[row] if timeout_ms is None else timeout_ms) - LAST_STEPS_MS)

    # The task that listens.

    async def run(self, alive=None):
        """Read the serial line for ever, and fetch text messages that have come; `alive()` is called every 5 s."""
        self._lives += 1
        await asyncio.gather(self.port.run(), self._attend(alive, self._lives))

    async def _attend(self, alive, life):
        """Fetch what has come; of a reader that died and was started again, the later life alone."""
        waits = 0
        while life == self._lives:
            if alive is not None:
                alive()
            try:
                await asyncio.wait_for_ms(self.sms.came.wait(), _ATTEND_MS)
            except asyncio.TimeoutError:
                waits += 1
                if waits < _LOOK_AFTER:
                    continue
            if self._set_up and self.state in (READY, REGISTERED, ATTACHED, CONNECTED):
                waits = 0
                self.sms.came.clear()
                await self._fetch()
            else:
                await asyncio.sleep_ms(_ATTEND_MS)

    async def _fetch(self):
        try:
            await self.sms.fetch(self.until("fetch"))
        except ModemError:
            pass  # it is in the log, and the message on the SIM, till the next look
        except Exception as error:  # noqa: BLE001 - a listener's fault must not leave the modem without a reader
            log.line("modem: a text message upset its reader: %s" % type(error).__name__)

    def _urc(self, line):
        """An unsolicited line. Torn ones match nothing."""
        if line == "RDY":
            self._ready_at = time.ticks_ms()
            self._began_anew()
        elif line == "+CFUN: 1" and not self._is_booting():
            self._began_anew()  # and RDY was lost
        elif line in _POWERED_DOWN:
            self._went_dark(line)
        elif line.startswith("+CMEE: 0") and self._set_up:
            self._began_anew()  # nobody saw it: its own setting gives it away
        elif line.startswith("+SMSUB:"):
            self.mqtt.take(line)
        elif line.startswith("+SMSTATE: 0"):
            self.mqtt.session = False
            if self.state == CONNECTED:
                self._lost(ATTACHED, "mqtt")
        elif line.startswith("+APP PDP: 0,"):
            self.pdp = line.endswith(",ACTIVE")
            if line.endswith(",DEACTIVE"):
                self._pdp_went()
        elif line.startswith("+CEREG:"):
            self._registration(line)
        elif line.startswith("+CPIN: NOT") and self.state in _ON_AIR:
            self._lost(READY, "sim")
        elif line.startswith("+CMTI:"):
            self.sms.came.set()
        elif line.startswith("+CAOPEN:"):
            self.mqtt.opened = line
        elif line.startswith("+HTTPTOFS:"):
            self.satellites.loaded = line
        elif line.startswith('+CPSMSTATUS: "ENTER PSM"'):
            self._fell_asleep()

    def _is_booting(self):
        """Whether +CFUN: 1 belongs to a boot that is known, or to our own switching."""
        known = (
            self._ready_at is not None and time.ticks_diff(time.ticks_ms(), self._ready_at) < _BOOT_TEXT_MS
        )
        return known or self._silences_radio

    def _lost(self, state, what):
        self.state = state
        if not self._silences_radio:
            log.line("modem: %s lost" % what)
            if self.on_lost is not None:
                self.on_lost(what)

    def _began_anew(self):
        """Everything of this boot is gone, and the command under way with it."""
        self.port.must_echo = False
        self.boots += 1
        known, self._set_up = self._set_up, False
        self.mqtt.forget()
        self.pdp = False
        self.port.fail("the modem began anew")
        if known:
            self._lost(READY, "reboot")

    def _went_dark(self, line):
        self._began_anew()
        self.state = OFF
        if line[0] != "N":
            log.line("modem: " + line)

    def _fell_asleep(self):
        """Only because a setting of earlier days lets it, or because we asked."""
        if self.state != ASLEEP:
            self._began_anew()
        self.state = ASLEEP

    def _pdp_went(self):
        self._pdp_refused = True
        self.mqtt.session = False
        if self.state in (ATTACHED, CONNECTED):
            self._lost(REGISTERED, "pdp")

    def _registration(self, line):
        found = lines.registration(line)
        if found is None:
            return
        if found[0] not in (1, 5) and self.state in _ON_AIR:
            self._lost(READY, "registration")

    def lose_mqtt(self):
        """The session is no good any more, although the modem has not said so."""
        self.mqtt.session = False
        if self.state == CONNECTED:
            self._lost(ATTACHED, "mqtt")

    # Power.

    async def start(self):
        """Bring the modem from whatever state it is in to READY; asks before it touches the power key.

        The key is a toggle (HW; U: LilyGO #98): pressed on a running modem for long enough, it switches it off.
        """
        until = self.until("start")
        self.state = BOOTING
        self._set_up = False
        self.port.must_echo = False
        self.power.dtr(False)
        self._rail(True)
        if self._dark:
            self._off_at = time.ticks_ms()
        await until.pause(_WAKE_MS)
        alive = not self._dark and await self.hello(until.part(TIMEOUTS_MS["hello"]))
        for attempt in range(3):
            if alive or until.left() <= 0:
                break
            if attempt:
                await self._bring_down(attempt == 1, until)
            alive = await self._switch_on(until)
        if not alive:
            self.state = OFF
            raise self.refuse(kinds.FAULT_MODEM, "it does not answer, whatever is done to its power")
        await self._ready(until)

    async def _bring_down(self, by_key, until):
        """It stays silent: switch it off by its key, which may be all it still hears, or by its rail."""
        if by_key:
            await self._press(_PWRKEY_OFF_MS)
            await until.pause(_GOING_OFF_MS)
        else:
            self._rail(False)
            await until.pause(_RAIL_OFF_MS)
            self._rail(True)
        self._off_at = time.ticks_ms()

    async def _switch_on(self, until):
        """Press the key, not too soon after the modem went off; return whether it answers then."""
        if self._off_at is not None:
            gone_ms = time.ticks_diff(time.ticks_ms(), self._off_at)
            if 0 <= gone_ms < _OFF_TO_ON_MS:
                await until.pause(_OFF_TO_ON_MS - gone_ms)
        self.state = BOOTING  # whatever it said when it went
        await self._press(_PWRKEY_ON_MS)
        self._dark = False
        return await self.hello(until.part(TIMEOUTS_MS["boot"]))

    def _rail(self, on):
        try:
            self.power.rail(on)
        except OSError:
            raise self.refuse(kinds.FAULT_MODEM, "the power management does not answer")

    async def _press(self, ms):
        self.power.pwrkey(True)
        try:
            await asyncio.sleep_ms(ms)
        finally:
            self.power.pwrkey(False)

    async def hello(self, until):
        """Say AT until it is answered; return whether it was. The first ones set the speed, or wake it (MAN, IPR)."""
        while until.left() > 0:
            try:
                await self.port.command("AT", until.cap(500), once=True)
                return True
            except (AtTimeout, AtGone, AtError):
                await until.pause(50)
        return False

    async def _ready(self, until):
        """The settings of this boot are made, or are made now; raises for a modem that is off."""
        if self.state in (OFF, ASLEEP):
            raise self.refuse(kinds.FAULT_MODEM, "it is off or asleep")
        if self._set_up:
            return
        for _ in range(3):
            boots = self.boots
            try:
                if not await self.hello(until.part(TIMEOUTS_MS["boot"])):
                    raise self.refuse(kinds.FAULT_MODEM, "it does not answer")
                await self._settings.make(until)
            except ModemError:
                if boots == self.boots:
                    raise
            if boots == self.boots:
                break
        else:
            raise self.refuse(kinds.FAULT_MODEM, "it begins anew again and again")
        self._set_up = True
        self.sms.came.set()  # what came while nobody listened is fetched, and its room is free again
        if self.state == BOOTING:
            self.state = READY

    async def reset(self, text, until):
        """Let it begin anew by a command; it comes back with the settings it keeps."""
        self.state = BOOTING
        self._set_up = False
        self.port.must_echo = False
        try:
            await self.ask(text, until.part(TIMEOUTS_MS["plain"]), once=True)
        except ModemError:
            pass  # the answer may be cut off by the boot
        await until.pause(_RESET_MS)
        if not await self.hello(until.part(TIMEOUTS_MS["boot"])):
            raise self.refuse(kinds.FAULT_MODEM, "it does not come back from a reset")

    async def stop(self):
        """Log off and switch the modem off in good order, else by its rail. CPOWD answers no OK (MAN, CPOWD)."""
        until = self.until("stop")
        self._silences_radio = True
        try:
            if self.state == CONNECTED:
                await self._quietly("AT+SMDISC", until.part(TIMEOUTS_MS["smdisc"] // 2))
            if self.state not in (OFF, ASLEEP):
                await self._quietly("AT+CPOWD=1", until.part(until.left() - _GOING_OFF_MS), once=True)
        finally:
            self._silences_radio = False
        await until.pause(_GOING_OFF_MS)
        self._gone_dark()
        self._rail(False)

    async def _quietly(self, text, until, once=False):
        """Send what is as well done without: a refusal or silence changes nothing."""
        try:
            return await self.ask(text, until, once=once)
        except ModemError:
            return None

    def _gone_dark(self):
        self.state = OFF
        self._set_up = False
        self.pdp = False
        self.mqtt.forget()
        self._dark = True

    async def sleep(self):
        """Let the modem sleep as configured (`sleep_mode`); start() wakes it. AN-LP: PSM; MAN: CSCLK.

        PSM: asked for an active time of 10 s and an update once a day; the network decides, and the modem may stay idle.
        """
        until = self.until("sleep")
        await self._ready(until)
        await self._let_go(until)
        if self.sleep_mode == "light":
            await self.order("AT+CSCLK=1", until)
            self.power.dtr(True)
        else:
            await self.order('AT+CPSMS=1,,,"00111000","00000101"', until)
        self.state = ASLEEP
        self._set_up = False

    async def power_cycle(self):
        """Take the rail away and give it back: what helps a modem that is wholly dark. State OFF; start() follows."""
        until = self.until("power_cycle")
        self._gone_dark()
        self._rail(False)
        await until.pause(_RAIL_OFF_MS)
        self._rail(True)

    async def recover(self, step):
        """Do one step of the ladder, 0 to 6, from the mildest; return the number of the next one. Raises nothing.

        0 ask again · 1 log off · 2 data connection off · 3 radio off and on · 4 reset by command · 5 by key · 6 by rail
        """
        until = self.until("recover")
        log.line("modem: recovery, step %d" % step)
        try:
            if step >= 5:
                await self._revive(step, until)
            elif step == 4:
                await self.reset("AT+CREBOOT", until)
                await self._ready(until)
            elif step == 3:
                await self._let_go(until)
                await self.switch_radio(False, until)
                await self.switch_radio(True, until)
            elif step == 2:
                await self._let_go(until)
            elif step == 1:
                await self.mqtt.log_off(until)
            else:
                await self._ready(until)
        except ModemError:
            pass  # it is in the log; the next step is harder
        return min(step + 1, _LADDER)

    async def _revive(self, step, until):
        self._set_up = False
        self.mqtt.forget()
        self.state = BOOTING
        await self._bring_down(step == 5, until)
        if not await self._switch_on(until):
            self.state = OFF
            raise self.refuse(kinds.FAULT_MODEM, "it stays dark")
        await self._ready(until)

    # Network.

    async def radio(self, on):
        """Radio on, or off as GNSS needs it."""
        until = self.until("radio")
        await self._ready(until)
        await self.switch_radio(on, until)

    async def switch_radio(self, on, until):
        """MAN, CFUN: level 0 is not kept over a boot, which then brings the radio back."""
        self._silences_radio = True
        try:
            await self.order("AT+CFUN=%d" % (1 if on else 0), until, row="cfun")
        finally:
            self._silences_radio = False
        if not on:
            self.pdp = False
            self.mqtt.session = False
            if self.state in _ON_AIR:
                self.state = READY

    async def register(self, timeout_ms=None):
        """Wait until the network lets us in; return (stat, act): 1 home, 5 roaming; 7 LTE-M, 9 NB-IoT. MAN, CEREG."""
        until = self.until("register", timeout_ms)
        await self._ready(until)
        line = await self.value("AT+CFUN?", "+CFUN:", until)
        if line is None or lines.fields(line)[0] != "1":
            await self.switch_radio(True, until)
        await self._unlock(until)
        denied_ms = 0
        while True:
            line = await self.value("AT+CEREG?", "+CEREG:", until)
            found = lines.registration(line) if line is not None else None
            stat = found[0] if found is not None else 0
            if found is not None and stat in (1, 5):
                if self.state not in _ON_AIR:
                    self.state = REGISTERED
                return found
            denied_ms = denied_ms + _POLL_MS if stat == 3 else 0
            if denied_ms >= _DENIED_MS:
                raise self.refuse(kinds.FAULT_REGISTRATION, "the network does not let it in")
            if until.left() <= _POLL_MS:
                raise self.refuse(kinds.FAULT_REGISTRATION, "no network in time")
            await asyncio.sleep_ms(_POLL_MS)

    async def _unlock(self, until):
        """The SIM is there and open; a PIN is tried once, and never when a wrong one may lock the card. MAN, CPIN, SPIC."""
        while True:
            line = await self.value("AT+CPIN?", "+CPIN:", until.part(TIMEOUTS_MS["cpin"]))
            if line == "+CPIN: READY":
                return
            if line == "+CPIN: SIM PIN":
                await self._enter_pin(until)
            # NOT READY, and 14 (busy), while the card wakes up; 10 is no card at all.
            elif line == "+CPIN: NOT INSERTED" or (line is None and self.code in (10, 13)):
                raise self.refuse(kinds.FAULT_SIM, "there is no SIM, or it has failed")
            elif line == "+CPIN: SIM PUK":
                raise self.refuse(kinds.FAULT_SIM, "the SIM wants its PUK")
            if until.left() <= _POLL_MS:
                raise self.refuse(kinds.FAULT_SIM, "the SIM is not ready in time")
            await asyncio.sleep_ms(_POLL_MS)

    async def _enter_pin(self, until):
        pin = self.network.get("sim_pin")
        line = await self.value("AT+SPIC", "+SPIC:", until)
        tries = lines.whole(lines.fields(line)[0]) if line is not None else 0
        if not pin or self._refused_pin or tries < 2:
            raise self.refuse(kinds.FAULT_SIM, "the SIM wants a PIN, and none is left to try")
        self._refused_pin = True  # until it is known to be right
        if await self.ask('AT+CPIN="%s"' % pin, until, "cpin", once=True) is None:
            raise self.refuse(kinds.FAULT_SIM, "the SIM refuses its PIN")
        self._refused_pin = False

    async def attach(self, timeout_ms=None):
        """Open the data connection. AN-MQTT 4: CNCFG, CNACT, then +APP PDP; asked first, for an open one may refuse."""
        until = self.until("attach", timeout_ms)
        await self._ready(until)
        if self.state == READY:
            raise self.refuse(kinds.FAULT_NETWORK, "no data connection without registration")
        if not await self._is_active(until):
            await self.order("AT+CNCFG=" + self._context(), until, kinds.FAULT_NETWORK)
            self._pdp_refused = False
            if await self.ask("AT+CNACT=0,1", until, "cnact", once=True) is None:
                self._pdp_refused = True
            while not self.pdp and not await self._is_active(until):
                if until.left() <= _POLL_MS or self._pdp_refused:
                    raise self.refuse(kinds.FAULT_NETWORK, "the network opens no data connection")
                await asyncio.sleep_ms(_POLL_MS)
        self.pdp = True
        if self.state != CONNECTED:
            self.state = ATTACHED

    def _context(self):
        text = '0,1,"%s"' % self.network["apn"]
        user = self.network.get("apn_user")
        return text + ',"%s","%s",3' % (user, self.network.get("apn_password") or "") if user else text

    async def _is_active(self, until):
        for line in await self.ask("AT+CNACT?", until) or ():
            if line.startswith("+CNACT: 0,"):
                return line.startswith("+CNACT: 0,1,")
        return False

    async def detach(self):
        """Close the data connection; what stands on it is logged off first."""
        until = self.until("detach")
        await self._ready(until)
        await self._let_go(until)

    async def _let_go(self, until):
        """Log off and close the data connection, and call neither a loss."""
        self._silences_radio = True
        try:
            if self.mqtt.session or self.state == CONNECTED:
                await self._quietly("AT+SMDISC", until.part(TIMEOUTS_MS["smdisc"]))
            self.mqtt.session = False
            if self.pdp or self.state in (ATTACHED, CONNECTED):
                await self._quietly("AT+CNACT=0,0", until.part(TIMEOUTS_MS["plain"]), once=True)
            self.pdp = False
        finally:
            self._silences_radio = False
        if self.state in _ON_AIR:
            self.state = REGISTERED

    async def cell(self):
        """Return a dict: mcc mnc tac cell rssi_dbm; 0 is unknown. MAN, CPSI and CSQ."""
        until = self.until("cell")
        await self._ready(until)
        line = await self.value("AT+CPSI?", "+CPSI:", until)
        found = lines.cell(line or "")
        if not found["rssi_dbm"]:
            line = await self.value("AT+CSQ", "+CSQ:", until)
            level = lines.fields(line)[0] if line is not None else "99"
            found["rssi_dbm"] = 2 * int(level) - 113 if level.isdigit() and int(level) <= 31 else 0
        return found

    # What stands on it, in files of their own.

    async def connect(self, timeout_ms=None):
        """Log in at the broker over TLS, verifying its certificate, and subscribe to our own topic."""
        until = self.until("connect", timeout_ms)
        await self._ready(until)
        if self.state not in (ATTACHED, CONNECTED):
            raise self.refuse(kinds.FAULT_NETWORK, "no broker without a data connection")
        await self.mqtt.log_in(until)
        if not self._set_up:
            raise self.refuse(kinds.FAULT_MODEM, "it began anew while it logged in")
        self.state = CONNECTED

    async def disconnect(self):
        """Log off."""
        until = self.until("disconnect")
        await self._ready(until)
        await self.mqtt.log_off(until)

    async def publish(self, topic, payload, timeout_ms=None):
        """Publish bytes with QoS 1; returns when the broker has them, perhaps more than once."""
        until = self.until("publish", timeout_ms)
        await self.mqtt.publish(topic, payload, until)

    async def gnss(self, on, start="hot"):
        """Switch to satellites, which closes the data connection, or back (then register, attach, connect)."""
        until = self.until("gnss")
        await self._ready(until)
        if on:
            await self._let_go(until)
        await self.satellites.switch(on, start, until)

    async def fix(self):
        """Return None, or a dict: lat_e7 lon_e7 radius_m unix_s speed_kmh hdop satellites."""
        return await self.satellites.fix(self.until("fix"))

    async def assist(self, give_way):
        """Renew what makes a cold start short, if it is old; return whether it is young. Ends once give_way() says so."""
        until = self.until("assist")
        await self._ready(until)
        return await self.satellites.assist(give_way, until)

    async def send_sms(self, number, text):
        """Send one text message."""
        until = self.until("send_sms")
        await self._ready(until)
        await self.sms.send(number, text, until)

    async def sms_works(self):
        """Return whether the modem and the plan have text messages: True, False, or None while that is not known."""
        until = self.until("sms_works")
        await self._ready(until)
        return await self.sms.works(until)

    # Small questions.

    async def battery(self):
        """Return (charging, percent, millivolts) as the modem measures its supply. MAN, CBC."""
        until = self.until("battery")
        await self._ready(until)
        line = await self.value("AT+CBC", "+CBC:", until)
        found = lines.fields(line) if line is not None else []
        if len(found) < 3:
            raise self.refuse(kinds.FAULT_MODEM, "it does not say what its battery holds")
        return found[0] == "1", lines.whole(found[1]), lines.whole(found[2])

    async def network_time(self, until=None):
        """Return Unix seconds of the modem's clock, or None if nothing has set it. MAN, CCLK."""
        until = until or self.until("network_time")
        await self._ready(until)
        line = await self.value("AT+CCLK?", "+CCLK:", until)
        return lines.clock(line) if line is not None else None

    def set_clock(self, unix_s):
        """Give the clock the certificate is checked against when the network gives none; call it before connect()."""
        self._clock = (unix_s, time.ticks_ms())

    def own_clock(self):
        """Return Unix seconds of the clock given by set_clock(), or None."""
        if self._clock is None:
            return None
        return self._clock[0] + time.ticks_diff(time.ticks_ms(), self._clock[1]) // 1000
