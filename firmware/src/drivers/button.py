"""A push button to ground with a pull-up; an edge sets a flag, a task reads the level."""

from asyncio import ThreadSafeFlag

from machine import Pin


class Button:
    def __init__(self, pin):
        self._pin = pin
        self.changed = ThreadSafeFlag()
        pin.irq(self._edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    def _edge(self, pin):
        self.changed.set()

    def pressed(self):
        return self._pin.value() == 0
