"""Gives a device its identity; run over the serial line by the flashing tool. The secret is never printed."""

from store import Store


def provision(root, nvs, number, secret, force=False, used=False):
    """Write number and secret; returns one sentence. Refuses while unsent alarms are in the journal, unless forced.

    Never twice the same secret from the beginning: the gateway would take its alarms for copies of those it had under
    the same numbers. `used` says that the secret was given to a board before.
    """
    if not 1 <= number < 2**31:
        return "refused: a device number is from 1 to 2147483647"
    if len(secret) != 32:
        return "refused: a secret has 32 bytes"
    store = Store(root, nvs)
    if store.has(number, secret) and store.has_boot_counter():
        return "provisioned as device %d before: its numbers and its alarms go on" % number
    if used or store.has(number, secret):
        return "refused: this secret's numbers were used, and where they ended is not known here; make a new secret"
    unsent = [event for event in store.events() if event.is_alarm() and event.waits()]
    if unsent and not force:
        return "refused: %d alarms have not been sent yet; bring the device near a hub, or use --force" % len(
            unsent
        )
    store.provision(number, secret)
    return "provisioned as device %d" % number
