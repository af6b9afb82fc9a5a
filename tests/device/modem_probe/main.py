"""A program in the firmware's place that only talks to the modem: three lives, a line of log for what each found."""

import asyncio

import board
import log

UNASKED = (b"", b"RDY", b"+CPIN: READY", b"SMS Ready")


async def ask(uart, command, tries=1):
    """Return the lines before OK as text, or "silence" when none of the tries is answered."""
    reader = asyncio.StreamReader(uart)
    for _ in range(tries):
        uart.write(command + b"\r")
        lines = []
        try:
            while not lines or lines[-1] != b"OK":
                lines.append((await asyncio.wait_for_ms(reader.readline(), 700)).strip())
            return b" ".join([line for line in lines if line != command and line not in UNASKED]).decode()
        except asyncio.TimeoutError:
            continue
    return "silence"


async def switch_on(uart, power):
    power.rail(True)
    await asyncio.sleep_ms(2500)  # longer than it must have been off
    power.pwrkey(True)
    await asyncio.sleep_ms(1200)
    power.pwrkey(False)
    return await ask(uart, b"AT", tries=20)


async def main():
    hardware = board.build()
    uart, power = hardware.modem()
    first = hardware.wake_cause() == board.WOKEN_BY_POWER
    found = await ask(uart, b"AT", tries=3)
    log.line("found: %s" % found)
    if found == "silence":
        log.line("switched on: %s" % await switch_on(uart, power))
    if first:
        log.line("module: %s" % await ask(uart, b"AT+CGSN"))
        await ask(uart, b"AT+CNMP=38")
        power.stays_on = True
    log.line("mode: %s" % await ask(uart, b"AT+CNMP?"))
    hardware.deep_sleep(2000)


asyncio.run(main())
