"""The data connection: attach, contexts of CGDCONT, and the four application contexts of CNCFG and CNACT."""

from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NO_SERVICE, NOT_ALLOWED, RADIO_OFF, READ, TEST, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer

CONTEXTS = 4
NO_ADDRESS = "0.0.0.0"
INACTIVE, ACTIVE, IN_OPERATION = 0, 1, 2


class Packet(Area):
    """Four contexts; the URC about one comes after the OK."""

    def reset(self) -> None:
        self.states = [INACTIVE] * CONTEXTS
        self._settings = [(0, "", "", "", 0)] * CONTEXTS
        self._automatic = [False] * CONTEXTS
        self._detached = False

    @property
    def active(self) -> bool:
        """Whether the first context, which MQTT runs over, has an address."""
        return self.states[0] == ACTIVE

    def attached(self) -> None:
        """The network is there; what is automatic comes back."""
        self._detached = False
        for index, wanted in enumerate(self._automatic):
            if wanted:
                self._activate(index)

    def lost(self) -> None:
        """The network or the radio is gone."""
        for index in range(CONTEXTS):
            self._deactivate(index)

    def drop(self) -> None:
        """The network takes the context away."""
        self.lost()

    def fault_changed(self, name: str) -> None:
        if name == "pdp_dropped" and self.modem.faults.pdp_dropped:
            self.lost()

    def _activate(self, index: int) -> None:
        if self.states[index] == INACTIVE:
            self.states[index] = IN_OPERATION
            if self.modem.power.busy(True):
                self.modem.soon("activate", lambda: self._activated(index))

    def _activated(self, index: int) -> None:
        self.modem.power.busy(False)
        if self.states[index] != IN_OPERATION:
            return
        wanted = self.modem.cell.apn
        given = self._settings[index][1] or self.modem.flash.get("cgdcont", {}).get(1, ("IP", ""))[1]
        good = self.modem.radio.on_air and not self.modem.faults.pdp_dropped and wanted in ("", given)
        self.states[index] = ACTIVE if good else INACTIVE
        self.modem.urc(f"+APP PDP: {index},{'ACTIVE' if good else 'DEACTIVE'}")
        self.modem.radio.plan_psm()

    def _deactivate(self, index: int) -> None:
        if self.states[index] != INACTIVE:
            self.states[index] = INACTIVE
            self.modem.urc(f"+APP PDP: {index},DEACTIVE")
            if index == 0:
                self.modem.mqtt.way_lost()
                self.modem.sockets.way_lost()

    @at("+CNCFG", "read test set", "MAN, AT+CNCFG; AN-MQTT 1.03 section 4")
    def cncfg(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(
                *(
                    f'+CNCFG: {index},{kind},"{apn}","{user}","{password}",{way}'
                    for index, (kind, apn, user, password, way) in enumerate(self._settings)
                )
            )
            return
        if asked.form == TEST:
            answer.ok("+CNCFG: (0-3),(0-2),150,127,127,(0-3)")
            return
        index = asked.number(0, 0, CONTEXTS - 1)
        self._settings[index] = (
            asked.number(1, 0, 2),
            asked.word(2, 150, ""),
            asked.word(3, 127, ""),
            asked.word(4, 127, ""),
            asked.number(5, 0, 3, 0),
        )
        answer.ok()

    @at("+CNACT", "read test set", "MAN, AT+CNACT: always four lines; AN-MQTT 1.03 section 4")
    def cnact(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            address = self.modem.cell.address
            lines = (
                f'+CNACT: {i},{state},"{address if state == ACTIVE else NO_ADDRESS}"'
                for i, state in enumerate(self.states)
            )
            answer.ok(*lines)
            return
        if asked.form == TEST:
            answer.ok("+CNACT: (0-3),(0-2)")
            return
        index, wanted = asked.number(0, 0, CONTEXTS - 1), asked.number(1, 0, 2)
        self._automatic[index] = wanted == 2
        if wanted == 0:
            if self.states[index] == INACTIVE:
                raise Refused(NOT_ALLOWED)
            answer.ok()
            self._deactivate(index)
        elif self.states[index] != INACTIVE:
            raise Refused(NOT_ALLOWED)  # activating an active context (from memory)
        else:
            self.modem.radio.needs_air()
            if self._detached:
                raise Refused(NO_SERVICE)
            answer.ok()
            self._activate(index)

    @at("+CGDCONT", "read test set", "MAN, packet domain: AT+CGDCONT: AUTO_SAVE")
    def cgdcont(self, asked: Asked, answer: "Answer") -> None:
        contexts = self.modem.flash.setdefault("cgdcont", {1: ("IP", "")})
        if asked.form == READ:
            answer.ok(
                *(
                    f'+CGDCONT: {cid},"{kind}","{apn}","{NO_ADDRESS}",0,0'
                    for cid, (kind, apn) in contexts.items()
                )
            )
        elif asked.form == TEST:
            answer.ok('+CGDCONT: (1-15),"IP",,,(0-2),(0-4)')
        else:
            cid = asked.number(0, 1, 15)
            if len(asked.arguments) == 1:
                contexts.pop(cid, None)
            else:
                kind = asked.word(1).upper()
                if kind not in ("IP", "IPV6", "IPV4V6", "NON-IP"):
                    raise Refused(BAD_PARAMETER)
                contexts[cid] = (kind, asked.word(2, 100, ""))
            answer.ok()

    @at("+CGNAPN", "run", "MAN, of SIMCom: AT+CGNAPN")
    def cgnapn(self, asked: Asked, answer: "Answer") -> None:
        given = self.modem.cell.default_apn if self.modem.radio.on_air else ""
        answer.ok(f'+CGNAPN: {int(bool(given))},"{given}"')

    @at("+CGATT", "read test set", "MAN, packet domain: AT+CGATT")
    def cgatt(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CGATT: {int(self.modem.radio.on_air and not self._detached)}")
        elif asked.form == TEST:
            answer.ok("+CGATT: (0,1)")
        elif asked.number(0, 0, 1):
            if self.modem.radio.off:
                raise Refused(RADIO_OFF)
            self.modem.radio.needs_air()
            self._detached = False
            answer.ok()
        else:
            self.lost()
            self._detached = True
            answer.ok()

    @at("+CGPADDR", "run set", "MAN, packet domain: AT+CGPADDR")
    def cgpaddr(self, asked: Asked, answer: "Answer") -> None:
        asked.number(0, 1, 15, 1)
        there = self.modem.radio.on_air and not self._detached
        answer.ok(f"+CGPADDR: 1,{self.modem.cell.address if there else NO_ADDRESS}")

    @at("+CGACT", "read set", "MAN, packet domain: AT+CGACT")
    def cgact(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CGACT: 1,{int(self.modem.radio.on_air and not self._detached)}")
        else:
            asked.number(0, 0, 1)
            self.modem.radio.needs_air()
            answer.ok()
