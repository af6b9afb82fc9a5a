"""The cable with nobody at its other end: what the fakes post is kept, what the world would say is said by the test."""

import _port

sent = []


def lay(**hello):
    """Begin a test: an empty cable and a virtual clock at zero."""
    del sent[:]
    _port._send = lambda message: sent.append((message["op"], message["a"]))
    _port.virtual, _port.now_us = True, 0
    _port.hello = {"now_us": 0, "power_on_us": 0, "pins": {}, "rtc": "", "device": 1}
    _port.hello.update(hello)


def hear(name, *args):
    """The world tells something."""
    _port._deliver({"ev": name, "a": args})


def ops():
    return [op for op, _ in sent]


def raises(kind, work, number=None):
    """Whether work raises so; with a number, that one first."""
    try:
        work()
    except kind as error:
        return number is None or error.args[0] == number
    return False
