"""The cable from the firmware's process to the world: one line of JSON each way for everything silicon would do.

Virtual clock: the world holds the time, and the firmware hands over whenever it has nothing to do. Real clock: the
socket is polled beside everything else the firmware waits for.
"""

import json
import socket

import uos
import uselect
import utime

_handlers = {}
_reader = None
_replies = 0
hello = {}
virtual = False
now_us = 0  # virtual clock only


def connect():
    """Join the world named in the environment; its first answer tells pins, RTC memory and why we woke."""
    global _reader, virtual, now_us, hello
    host, port = uos.getenv("SOCORS_WORLD").split(":")
    virtual = uos.getenv("SOCORS_CLOCK") == "virtual"
    _reader = socket.socket()
    _reader.connect(socket.getaddrinfo(host, int(port))[0][-1])
    _reader.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
    hello = call("hello", int(uos.getenv("SOCORS_DEVICE")))
    now_us = hello["now_us"]


def on(name, handler):
    """Register who takes an event of the world."""
    _handlers[name] = handler


def _send(message):
    data = (json.dumps(message) + "\n").encode()
    while data:
        data = data[_reader.write(data) or 0 :]


def post(op, *args):
    """Tell the world; no answer."""
    _send({"op": op, "a": args})


def note(op, *args):
    """Tell a world that keeps a history; on the real clock nobody does."""
    if virtual:
        post(op, *args)


def call(op, *args):
    """Ask the world and wait for its answer; events that come meanwhile are delivered after it."""
    global _replies
    _replies += 1
    _send({"op": op, "a": args, "id": _replies})
    late = []
    while True:
        message = _read()
        if message.get("re") == _replies:
            break
        late.append(message)
    for event in late:
        _deliver(event)
    return message["v"]


def _read():
    line = _reader.readline()
    if not line:
        raise SystemExit  # the world is gone: so is the battery
    return json.loads(line)


def _deliver(message):
    global now_us
    now_us = message.get("t", now_us)  # virtual clock: an interrupt knows what time it is
    handler = _handlers.get(message.get("ev"))
    if handler is not None:
        handler(*message["a"])


def clock_us():
    """The world's clock, as this process sees it: what a pin did happened now, not when the world reads of it."""
    return now_us if virtual else utime.ticks_us()


def idle(ms):
    """Virtual clock: let the world run until something happens to us, at the longest for so long (-1: for ever)."""
    global now_us, _replies
    _replies += 1
    _send({"op": "idle", "a": [ms], "id": _replies})
    while True:
        message = _read()
        if message.get("re") == _replies:
            now_us = message["v"]
            return
        _deliver(message)


def take_waiting():
    """Real clock: deliver what has come, without waiting."""
    poller = uselect.poll()
    poller.register(_reader, uselect.POLLIN)
    while poller.poll(0):
        _deliver(_read())


def stream():
    return _reader


def wait(ms):
    """Wait for so long on either clock, delivering what comes: what sleep_ms and a blocked poll do."""
    if virtual:
        end = now_us + ms * 1000
        while now_us < end:
            idle((end - now_us + 999) // 1000)
        return
    end = utime.ticks_add(utime.ticks_ms(), ms)
    poller = uselect.poll()
    poller.register(_reader, uselect.POLLIN)
    while True:
        left = utime.ticks_diff(end, utime.ticks_ms())
        if left <= 0:
            return
        if poller.poll(left):
            _deliver(_read())
