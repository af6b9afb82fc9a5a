"""What every boot of the SIM7080G needs to have set, and what may be stale in it from earlier days.

Sources as in sim7080g.py: MAN, each command's own page, which says how it is saved.
"""

import log

from drivers import sim7080g_lines as lines

# (command, what to set, how the answer to "?" begins, whether the radio must be off). MAN says of each how it is saved: a
# stale APN, PSM and CSCLK survive the loss of power; CMEE, CMGF, CNMI and CEREG are gone at every boot. Read back: some
# firmware answers OK and keeps another value (U).
_SETTINGS = (
    # A fixed speed: with 0 the first command is lost, and no boot is told of.
    ("IPR", "115200", "115200", False),
    ("CSCLK", "0", "0", False),  # no sleep by DTR unless asked for
    ("CPSMS", "0", "0", False),  # no power saving while somebody may call
    ("CNMP", "38", "38", True),  # LTE only
    ("CMNB", "3", "3", True),  # Cat-M and NB-IoT
    ("CLTS", "1", "1", False),  # the network's time; from the next boot on
    ("CEREG", "2", "2,", False),
    ("CPSMSTATUS", "1", "1", False),
    ("CMGF", "1", "1", False),
    ("CSCS", '"IRA"', "IRA", False),
    ("CNMI", "2,1,0,0,0", "2,1", False),  # messages are kept, and told of by +CMTI
)
_SETTINGS_OF_SMS = ("CMGF", "CSCS", "CNMI")


class Settings:
    """`modem` gives the serial line, and what a setting needs around it: radio off, a reset."""

    def __init__(self, modem):
        self._modem = modem
        self._restarted = False  # for the network's time, which is told from the next boot on (MAN, CLTS)

    async def make(self, until):
        """All that does not survive a boot, and all that does and may be stale. The modem answers."""
        modem = self._modem
        await self._listen_to_echo(until)
        if await self._is_trapped(until):
            await modem.reset("AT+CFUN=6", until)
            await self._listen_to_echo(until)
        changes = []
        for name, wanted, begins, radio_off in _SETTINGS:
            if not await self._is(name, begins, until):
                changes.append((name, wanted, begins, radio_off))
        if not await self._apn_is_right(until):
            changes.append(("CGDCONT", '1,"IP","%s"' % modem.network["apn"], None, True))
        await self._change(changes, until)
        if modem.own_clock() is None and not self._restarted and "CLTS" in [change[0] for change in changes]:
            # A modem fresh from the factory, in a watch that has no time either: without any, no certificate is valid.
            self._restarted = True
            await modem.reset("AT+CREBOOT", until)
            modem.boots += 1  # these were the settings of the boot before

    async def _listen_to_echo(self, until):
        for _ in range(3):
            await self._modem.ask("ATE1", until)
            await self._modem.order("AT+CMEE=1", until)
            if self._modem.port.echoed:
                self._modem.port.must_echo = True
                return
        log.line("modem: it does not echo, so nobody knows what it reads")

    async def _is_trapped(self, until):
        """CFUN 7 (offline) can be left by 6 or a reboot only, 5 is a factory's (MAN, CFUN); both survive a reboot."""
        line = await self._modem.value("AT+CFUN?", "+CFUN:", until)
        return line is not None and lines.fields(line)[0] in ("5", "7")

    async def _is(self, name, begins, until):
        line = await self._modem.value("AT+%s?" % name, "+%s:" % name, until)
        return line is not None and ",".join(lines.fields(line)).startswith(begins)

    async def _apn_is_right(self, until):
        for line in await self._modem.ask("AT+CGDCONT?", until) or ():
            found = lines.fields(line)
            if line.startswith("+CGDCONT:") and found[0] == "1":
                return len(found) > 2 and found[1:3] == ["IP", self._modem.network["apn"]]
        return False

    async def _change(self, changes, until):
        if any([change[3] for change in changes]):
            await self._modem.switch_radio(False, until)
        for name, wanted, begins, _ in changes:
            if await self._modem.ask("AT+%s=%s" % (name, wanted), until) is None:
                if name not in _SETTINGS_OF_SMS:
                    log.line("modem: it refuses the setting %s" % name)
            elif begins and not await self._is(name, begins, until):
                log.line("modem: the setting %s does not stick" % name)
