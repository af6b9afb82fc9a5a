"""Text messages of the SIM7080G: sent in text mode, received by way of the SIM, and found out whether there are any.

Sources as in sim7080g.py: MAN chapter 4 (CMGF, CMGS, CMGR, CMGD, CPMS, CNMI); 3GPP TS 27.005 3.2.5 for the numbers of
+CMS ERROR. Whether a SIM7080G sends at all depends on firmware, operator and plan (U), so nobody relies on it.
"""

import asyncio

from sos_wire import kinds

from drivers import sim7080g_lines as lines
from drivers.at import AtError, AtGone, AtTimeout

# Numbers of +CMS ERROR that will be the same tomorrow: the network bars or does not offer the service (8, 10, 50, 69), the
# modem has none (301 to 304; 300 is a failure of the modem itself). All others are troubles of the moment.
_NEVER = (8, 10, 50, 69, 300, 301, 302, 303, 304)
# "Unknown error": a modem without text messages says so every time, one in trouble once. Two in a row are believed.
_UNKNOWN = 500
_CTRL_Z = b"\x1a"
_MOST_CHARACTERS = 160
_MOST_PLACES = 64
_LEAST_TRY_MS = 3000


class Sms:
    def __init__(self, modem):
        self._modem = modem
        self.came = asyncio.Event()  # there may be messages on the SIM
        self._works = None
        self._doubts = 0
        self.unread = 0  # messages in a form that nobody understands; deleted all the same

    async def works(self, until):
        """True, False, or None while no message has been tried and nothing says that none can be. MAN, CSMS."""
        if self._works is None:
            line = await self._modem.value("AT+CSMS?", "+CSMS:", until)
            found = lines.fields(line) if line is not None else []
            # service, then whether messages can come, go, and be broadcast
            if len(found) >= 3 and found[2] == "0":
                self._works = False
        return self._works

    async def send(self, number, text, until):
        """CMGS, the prompt, the text and Ctrl-Z (MAN): up to a minute. A number the modem misread is never sent to."""
        if not number.lstrip("+").isdigit() or len(text) > _MOST_CHARACTERS:
            raise self._modem.refuse(kinds.FAULT_SMS, "no text message: the number or the length is wrong")
        data = text.encode() + _CTRL_Z
        for attempt in range(3):
            if attempt and until.left() < _LEAST_TRY_MS:
                break
            try:
                await self._modem.port.command_with_data(
                    'AT+CMGS="%s"' % number, data, self._modem.cap("cmgs", until), escape=True
                )
                self._works, self._doubts = True, 0
                return
            except AtError as error:
                # A modem that began anew unseen has no text mode, which says nothing of the network or the plan.
                await self._modem.value("AT+CMEE?", "+CMEE:", until)
                self._judge(error)
                raise self._modem.refuse(kinds.FAULT_SMS, "the text message is refused (%d)" % error.code)
            except AtGone:
                raise self._modem.refuse(kinds.FAULT_MODEM, "it began anew in the middle of a message")
            except AtTimeout:
                pass  # not sent, or sent and not confirmed: once more, for twice is better than not at all
        raise self._modem.refuse(kinds.FAULT_SMS, "the text message is not confirmed in time")

    def _judge(self, error):
        """What a refusal says of text messages altogether."""
        told = "CMS" in error.text
        self._doubts = self._doubts + 1 if told and error.code == _UNKNOWN else 0
        if error.text.endswith(": ERROR") or (told and error.code in _NEVER) or self._doubts > 1:
            self._works = False

    async def fetch(self, until):
        """Hand over and delete what is on the SIM: a full one takes no more messages. MAN, CPMS, CMGR, CMGD."""
        line = await self._modem.value("AT+CPMS?", "+CPMS:", until)
        found = lines.fields(line) if line is not None else []
        if len(found) < 3:
            return
        used, places = lines.whole(found[1]), min(lines.whole(found[2]), _MOST_PLACES)
        place = 0
        while used > 0 and place <= places:
            answer = await self._modem.ask("AT+CMGR=%d" % place, until)
            if answer and self._hand_over(answer):
                used -= 1
                await self._modem.ask("AT+CMGD=%d" % place, until)
            place += 1

    def _hand_over(self, answer):
        """Return whether there was a message; its text is whatever stands between the header and OK."""
        header = -1
        for place, line in enumerate(answer):
            if line.startswith("+CMGR:"):
                header = place
                break
        if header < 0:
            return False
        found = lines.fields(answer[header])
        text = "\n".join(answer[header + 1 :])
        if len(found) < 2 or not found[0].startswith("REC"):
            self.unread += 1
        elif self._modem.on_sms is not None:
            self._modem.on_sms(found[1], text)
        return True
