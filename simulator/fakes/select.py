"""`select` with a poll of our own: Python streams are asked, the world's socket is waited for.

In a simulator only two things make a Python stream ready: a task, or an interrupt that we deliver ourselves. So streams
are asked before and after, and the only wait is the one for the world.
"""

import _port
import uselect

POLLIN = uselect.POLLIN
POLLOUT = uselect.POLLOUT
POLLERR = uselect.POLLERR
POLLHUP = uselect.POLLHUP
_IOCTL_POLL = 3


class _Poll:
    def __init__(self):
        self._streams = {}

    def register(self, stream, events=POLLIN | POLLOUT):
        self._streams[id(stream)] = [stream, events]

    def modify(self, stream, events):
        self._streams[id(stream)][1] = events

    def unregister(self, stream):
        self._streams.pop(id(stream), None)

    def _ready(self):
        ready = []
        for stream, events in self._streams.values():
            happened = stream.ioctl(_IOCTL_POLL, events)
            if happened:
                ready.append((stream, happened))
        return ready

    def ipoll(self, timeout=-1, flags=0):
        if not _port.virtual:
            _port.take_waiting()
        ready = self._ready()
        if ready or timeout == 0:
            return ready
        if _port.virtual:
            _port.idle(timeout)
            return self._ready()
        return self._wait(timeout)

    def _wait(self, timeout):
        poller = uselect.poll()
        poller.register(_port.stream(), POLLIN)
        if poller.poll(timeout):
            _port.take_waiting()
        return self._ready()

    poll = ipoll


def poll():
    return _Poll()
