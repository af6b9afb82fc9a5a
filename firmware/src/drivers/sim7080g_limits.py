"""How long the modem may take for what, and what is raised when it cannot. Names of documents as in sim7080g.py."""

import asyncio
import time

# How long everything may take, in milliseconds, and why. First single commands, then whole methods: those end after so
# long whatever the modem does, and where an argument says otherwise, after that. The longest row is the longest wait.
TIMEOUTS_MS = {
    # A plain command answers in 5 to 300 ms (U); the rest is for a line that must be made clean first, and repeats.
    "plain": 6_000,
    # MAN: CFUN at most 10 s, CPIN 5 s, CMGR and CMGD 5 s, CMGS 60 s.
    "cfun": 11_000,
    "cpin": 6_000,
    "cmgs": 61_000,
    # Not in MAN; a context has taken up to a minute where the SIM roams (U).
    "cnact": 61_000,
    # Not in MAN; seen from under 1 s to 30 s (U). One that hangs longer is better ended by the ladder.
    "smconn": 35_000,
    # An answer of the broker over LTE-M takes 0.1 to 3 s, in bad cover 10; later than that it is published again.
    "smpub": 10_000,
    # Logging off waits for the broker; who does not hear us costs no more than this.
    "smdisc": 6_000,
    # 2 KB of certificate take 0.2 s; the modem itself gives up after 5 s (input time of CFSWFILE), and says so.
    "cfswfile": 8_000,
    # The diagnosis of a refused log-in opens a connection itself, twice at most.
    "caopen": 16_000,
    # From the power key UART and STATUS are there after 2.5 s at the least (HW); with a slow SIM 5 s and more (U).
    "boot": 9_000,
    # A modem that runs answers within two tries; one that wakes loses the first letters.
    "hello": 2_500,
    # Three ways into life one after the other, each with a boot, then the settings.
    "start": 60_000,
    # CPOWD logs off from the network first; then UART and STATUS go within 1.8 s (HW).
    "stop": 12_000,
    "sleep": 20_000,
    "power_cycle": 3_500,
    # The dearest step of the ladder is a boot with the settings after it.
    "recover": 60_000,
    # LTE-M 5 to 30 s warm; a first attachment or NB-IoT takes minutes, which is the caller's decision.
    "register": 60_000,
    "attach": 65_000,
    "detach": 12_000,
    # The certificate's upload, a hanging SMCONN and the two probes that tell why it failed.
    "connect": 90_000,
    "disconnect": 8_000,
    # Two tries of SMPUB and a line made clean between them.
    "publish": 25_000,
    "radio": 13_000,
    "gnss": 30_000,
    "fix": 6_000,
    # 34 KB: 3 s over LTE-M (U: LilyGo-Modem-Series #384), 10 to 20 over NB-IoT; the modem itself gives up after 40.
    "assist": 60_000,
    "cell": 6_000,
    "send_sms": 65_000,
    # At the worst 64 places of a SIM are looked through.
    "fetch": 30_000,
    "sms_works": 10_000,
    "battery": 6_000,
    "network_time": 6_000,
}


class ModemError(Exception):
    """What the modem cannot do now: `fault` is a bit of kinds.FAULT_*, `text` one sentence without secrets."""

    def __init__(self, fault, text):
        super().__init__(text)
        self.fault = fault
        self.text = text


LAST_STEPS_MS = 50


class Until:
    """The end of a method: every wait inside it is cut to what is left."""

    def __init__(self, timeout_ms):
        self._end = time.ticks_add(time.ticks_ms(), timeout_ms)

    def left(self):
        return time.ticks_diff(self._end, time.ticks_ms())

    def cap(self, ms):
        return max(1, min(ms, self.left()))

    def part(self, ms):
        return Until(self.cap(ms))

    async def pause(self, ms):
        await asyncio.sleep_ms(self.cap(ms))
