"""AT over a scripted serial line, in MicroPython: what is an answer, what is none, and what is never believed."""

import io
import sys

import _port
import _tasks
import empty_cable as cable

sys.modules["_asyncio"] = (
    _tasks  # before asyncio is loaded, which the built-in one makes wait by the host's clock
)

import asyncio  # noqa: E402

MARKER = b"\r\n+CMEE: 1\r\n\r\nOK\r\n"


class Line(io.IOBase):
    """A modem that says what the script has for what it reads: (what, after so many ms, bytes), each entry once."""

    def __init__(self, *script):
        self.script = list(script)
        self.read = b""
        self.waiting = b""
        self.planned = []

    def say(self, ms, data):
        self.planned.append((_port.now_us + ms * 1000, data))

    def write(self, data):
        self.read += bytes(data)
        for entry in self.script:
            if self.read.endswith(entry[0]):
                self.script.remove(entry)
                for ms, said in entry[1:]:
                    self.say(ms, said)
                break
        return len(data)

    def ioctl(self, request, flags):
        return (flags & 1 if self.waiting else 0) | flags & 4 if request == 3 else -22

    def readinto(self, buffer):
        count = min(len(buffer), len(self.waiting))
        if not count:
            return None
        buffer[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        return count

    def idle(self, ms):
        """The clock jumps to the next thing said, or by so much."""
        end = _port.now_us + ms * 1000 if ms >= 0 else 1 << 60
        self.planned.sort()
        if self.planned and self.planned[0][0] <= end:
            _port.now_us, said = self.planned.pop(0)
            self.waiting += said
        else:
            _port.now_us = end


def play(work, *script, must_echo=False):
    """Run work(port, line) beside the reader; return (what it returned, URCs heard, the line)."""
    from drivers.at import AtError, AtGone, AtPort, AtTimeout

    cable.lay()
    line = Line(*script)
    _port.idle = line.idle
    urcs = []
    port = AtPort(line, urcs.append)
    port.must_echo = must_echo
    returned = []

    async def main():
        reader = asyncio.create_task(port.run())
        try:
            returned.append(await work(port, line))
        except (AtError, AtTimeout, AtGone) as error:
            returned.append(error)
        await asyncio.sleep_ms(2000)
        reader.cancel()

    asyncio.run(main())
    return returned[0], urcs, line


def ask(text, timeout_ms=5000, **how):
    return lambda port, line: port.command(text, timeout_ms, **how)


def test_an_answer_is_its_lines_without_echo_and_result():
    script = (b"AT+CSQ\r", (5, b"AT+CSQ\r\r\n+CSQ: 18,99\r\n\r\nOK\r\n"))
    lines, urcs, _ = play(ask("AT+CSQ"), script)
    assert lines == ["+CSQ: 18,99"]
    assert urcs == []


def test_unsolicited_lines_come_at_any_boundary_and_are_no_part_of_the_answer():
    for place in range(3):
        parts = [b"AT+CSQ\r", b"\r\n+CSQ: 18,99\r\n", b"\r\nOK\r\n"]
        parts.insert(place, b'\r\n+SMSUB: "t","00"\r\n')
        lines, urcs, _ = play(ask("AT+CSQ"), (b"AT+CSQ\r", (5, b"".join(parts))))
        assert lines == ["+CSQ: 18,99"], place
        assert urcs == ['+SMSUB: "t","00"'], place


def test_a_message_that_comes_while_its_topic_is_subscribed_is_no_answer():
    script = (b"\r", (5, b'\r\n+SMSUB: "t","00"\r\n\r\nOK\r\n'))
    lines, urcs, _ = play(ask('AT+SMSUB="t",1'), script)
    assert lines == []
    assert urcs == ['+SMSUB: "t","00"']


def test_bytes_come_one_by_one_or_all_at_once():
    data = b"\r\n+CBC: 0,62,3810\r\n\r\nOK\r\n"
    one_by_one = [(5 + place, data[place : place + 1]) for place in range(len(data))]
    lines, _, _ = play(ask("AT+CBC"), (b"AT+CBC\r",) + tuple(one_by_one))
    assert lines == ["+CBC: 0,62,3810"]


def test_errors_tell_their_number():
    from drivers.at import AtError

    for said, code in ((b"ERROR", -1), (b"+CME ERROR: 10", 10), (b"+CMS ERROR: 304", 304)):
        error, _, _ = play(ask("AT+CPIN?"), (b"\r", (5, b"\r\n" + said + b"\r\n")))
        assert isinstance(error, AtError)
        assert error.code == code


def test_no_answer_ends_in_time():
    from drivers.at import AtTimeout

    async def work(port, line):
        try:
            await port.command("AT+CSQ", 700)
        except AtTimeout:
            return _port.now_us // 1000

    took, _, _ = play(work)
    assert 700 <= took <= 710, took


def test_a_late_answer_is_not_the_next_commands():
    from drivers.at import AtTimeout

    async def work(port, line):
        try:
            await port.command("AT+CNACT=0,1", 100)
        except AtTimeout:
            pass
        return await port.command("AT+CSQ", 5000)

    # The late ERROR comes in the middle of the question that cleans the line.
    late = (b"AT+CNACT=0,1\r", (300, b"\r\nERROR\r\n"))
    clean = (b"AT+CMEE?\r", (250, MARKER))
    lines, _, line = play(work, late, clean, (b"AT+CSQ\r", (5, b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n")))
    assert lines == ["+CSQ: 5,0"]
    assert line.read == b"AT+CNACT=0,1\r\rAT+CMEE?\rAT+CSQ\r"


def test_an_answer_still_later_makes_it_ask_again():
    from drivers.at import AtTimeout

    async def work(port, line):
        try:
            await port.command("AT+CMEE?", 100)
        except AtTimeout:
            pass
        return await port.command("AT+CSQ", 9000)

    script = (
        (b"AT+CMEE?\r", (900, MARKER)),
        (b"AT+CSCS?\r", (600, b'\r\n+CSCS: "IRA"\r\n\r\nOK\r\n')),
        (b"AT+IPR?\r", (10, b"\r\n+IPR: 115200\r\n\r\nOK\r\n")),
        (b"AT+CSQ\r", (5, b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n")),
    )
    lines, _, _ = play(work, *script)
    assert lines == ["+CSQ: 5,0"]


def test_a_command_the_modem_misread_is_said_again():
    script = (
        (b'AT+CNCFG=0,1,"apn"\r', (5, b'AT+CNCFG=0,1,"an"\r\r\nOK\r\n')),
        (b'AT+CNCFG=0,1,"apn"\r', (5, b'AT+CNCFG=0,1,"apn"\r\r\nOK\r\n')),
    )
    lines, _, line = play(ask('AT+CNCFG=0,1,"apn"'), *script, must_echo=True)
    assert lines == []
    assert line.read.count(b"AT+CNCFG") == 2


def test_a_command_that_is_not_echoed_at_all_does_not_wait_for_its_whole_time():
    async def work(port, line):
        await port.command("AT+CMGF=1", 60_000)
        return _port.now_us // 1000

    again = (b"AT+CMGF=1\r", (5, b"AT+CMGF=1\r\r\nOK\r\n"))
    took, _, _ = play(work, (b"AT+CMGF=1\r",), (b"AT+CMEE?\r", (5, MARKER)), again, must_echo=True)
    assert took < 3000, took


def publish(data=b"\x00\r\nOK?", timeout_ms=20_000, text='AT+SMPUB="t",6,1,0', **how):
    return lambda port, line: port.command_with_data(text, data, timeout_ms, **how)


def test_data_goes_out_after_the_prompt_and_not_before():
    read_at_prompt = []

    async def work(port, line):
        task = asyncio.create_task(port.command_with_data('AT+SMPUB="t",6,1,0', b"abcdef", 20_000))
        await asyncio.sleep_ms(400)
        read_at_prompt.append(line.read)
        return await task

    lines, _, line = play(work, (b"1,0\r", (500, b"\r\n> ")), (b"abcdef", (5, b"\r\nOK\r\n")))
    assert lines == []
    assert read_at_prompt[0].endswith(b"1,0\r")
    assert line.read.endswith(b"1,0\rabcdef")


def test_a_prompt_that_was_lost_does_not_lose_the_data():
    lines, _, _ = play(publish(b"abcdef"), (b"1,0\r",), (b"abcdef", (5, b"\r\nOK\r\n")))
    assert lines == []


def test_a_modem_that_waits_for_lost_letters_is_filled_up_before_anything_else_is_asked():
    from drivers.at import AtTimeout

    async def work(port, line):
        try:
            await port.command_with_data('AT+SMPUB="t",6,1,0', b"abcdef", 3000)
        except AtTimeout:
            pass
        return await port.command("AT+CSQ", 5000)

    script = (
        (b"1,0\r", (5, b"\r\n> ")),
        (b"\r\r\r\r\r\r\rAT+CMEE?\r", (5, b"\r\nOK\r\n" + MARKER)),
        (b"AT+CSQ\r", (5, b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n")),
    )
    lines, _, _ = play(work, *script)
    assert lines == ["+CSQ: 5,0"]


def test_a_text_message_to_a_number_that_was_misread_is_taken_back():
    from drivers.at import AtTimeout

    text = 'AT+CMGS="+34600000002"'
    script = ((text.encode() + b"\r", (5, b'AT+CMGS="+3460000002"\r\r\n> ')),)
    error, _, line = play(publish(b"S1\x1a", 3000, text, escape=True), *script, must_echo=True)
    assert isinstance(error, AtTimeout)
    assert b"\x1a" not in line.read


def test_what_is_under_way_when_the_modem_begins_anew_fails_at_once():
    from drivers.at import AtGone

    async def work(port, line):
        port._on_urc = lambda text: port.fail("anew") if text == "RDY" else None
        try:
            await port.command("AT+SMCONN", 35_000, once=True)
        except AtGone:
            return _port.now_us // 1000

    took, _, _ = play(work, (b"AT+SMCONN\r", (2000, b"\r\nRDY\r\n")))
    assert took == 2000, took


def test_noise_and_lines_without_end_spoil_no_more_than_themselves():
    noise = bytes(range(128, 256)) + b"x" * 3000 + b"\x00\xff\r\n"
    lines, _, _ = play(ask("AT+CSQ"), (b"AT+CSQ\r", (5, noise + b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n")))
    assert lines == ["+CSQ: 18,99"]


def test_a_text_message_that_looks_like_an_answer_is_kept_apart():
    script = (
        (b"AT+CMGR=1\r", (5, b'\r\n+CMGR: "REC UNREAD","+34600",,"x"\r\nRDY\r\nOK\r\nmore\r\n\r\nOK\r\n')),
        (b"AT+CMEE?\r", (5, MARKER)),
        (b"AT+CSQ\r", (5, b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n")),
    )

    async def work(port, line):
        message = await port.command("AT+CMGR=1", 5000)
        return message, await port.command("AT+CSQ", 5000)

    (message, answer), urcs, _ = play(work, *script)
    assert message == ['+CMGR: "REC UNREAD","+34600",,"x"', "RDY"]
    assert answer == ["+CSQ: 5,0"]
    assert "RDY" not in urcs


def test_one_command_at_a_time():
    order = []

    async def one(port, text):
        await port.command(text, 5000)
        order.append(text)

    async def work(port, line):
        await asyncio.gather(one(port, "AT+A=1"), one(port, "AT+B=1"))
        return line.read

    script = ((b"AT+A=1\r", (400, b"\r\nOK\r\n")), (b"AT+B=1\r", (5, b"\r\nOK\r\n")))
    read, _, _ = play(work, *script)
    assert read == b"AT+A=1\rAT+B=1\r"
    assert order == ["AT+A=1", "AT+B=1"]


def test_who_asks_question_after_question_keeps_nobody_else_waiting():
    served = []

    async def many(port):
        for number in range(20):
            await port.command("AT+A=%d" % number, 5000)
            served.append(number)

    async def work(port, line):
        reading = asyncio.create_task(many(port))
        await asyncio.sleep_ms(150)
        await port.command("AT+B=1", 5000)
        before = len(served)
        await reading
        return before

    script = [(b"AT+A=%d\r" % number, (100, b"\r\nOK\r\n")) for number in range(20)]
    before, _, _ = play(work, (b"AT+B=1\r", (5, b"\r\nOK\r\n")), *script)
    assert before == 2
    assert len(served) == 20


def test_who_gives_up_waiting_leaves_the_line_to_the_next():
    async def work(port, line):
        slow = asyncio.create_task(port.command("AT+A=1", 5000))
        await asyncio.sleep_ms(10)
        try:
            await asyncio.wait_for_ms(port.command("AT+B=1", 5000), 200)
        except asyncio.TimeoutError:
            pass
        await slow
        return await port.command("AT+C=1", 5000)

    script = ((b"AT+A=1\r", (1000, b"\r\nOK\r\n")), (b"AT+C=1\r", (5, b"\r\nOK\r\n")))
    answer, _, line = play(work, *script)
    assert answer == []
    assert line.read == b"AT+A=1\rAT+C=1\r"


def test_a_handler_that_fails_does_not_stop_the_reader():
    def fails(line):
        raise ValueError(line)

    async def work(port, line):
        port._on_urc = fails
        line.say(10, b"\r\nDST: 0\r\n")
        await asyncio.sleep_ms(100)
        return await port.command("AT+CSQ", 5000), port.refused

    script = (b"AT+CSQ\r", (5, b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n"))
    (lines, refused), _, _ = play(work, script)
    assert lines == ["+CSQ: 5,0"]
    assert refused == 1
