"""`bluetooth` as MicroPython has it over NimBLE, with its limits: what passes here must pass on a board."""

import binascii

import _port

FLAG_READ = 0x02
FLAG_WRITE_NO_RESPONSE = 0x04
FLAG_WRITE = 0x08
FLAG_NOTIFY = 0x10
_IRQ_CENTRAL_CONNECT = 1
_IRQ_CENTRAL_DISCONNECT = 2
_IRQ_GATTS_WRITE = 3
_DEFAULT_BUFFER = 20  # longer writes are cut silently until gatts_set_buffer
_ENODEV = 19
_EINVAL = 22


class UUID:
    def __init__(self, value):
        self.value = value

    def __str__(self):
        return self.value if isinstance(self.value, str) else "%04x" % self.value


class BLE:
    _one = None

    def __new__(cls):
        if BLE._one is None:
            BLE._one = object.__new__(cls)
            BLE._one._begin()
        return BLE._one

    def _begin(self):
        self._active = False
        self._handler = None
        self._values = {}
        self._buffers = {}
        self._adv_data = b""
        self._advertising = False
        self._address = bytearray(6)  # one buffer, reused: valid only inside the handler
        _port.on("ble.connected", self._connected)
        _port.on("ble.disconnected", self._disconnected)
        _port.on("ble.write", self._written)

    def active(self, on=None):
        if on is None:
            return self._active
        if bool(on) != self._active:
            self._active = bool(on)
            self._advertising = False
            self._values, self._buffers = {}, {}  # the table of services goes with the stack
            _port.post("ble.active", self._active)
        return self._active

    def _need_active(self):
        if not self._active:
            raise OSError(_ENODEV)

    def _need_handle(self, handle):
        self._need_active()
        if handle not in self._values:
            raise OSError(_EINVAL)

    def config(self, *names, **values):
        if "addr_mode" in values:
            self._need_active()
            if self._advertising:
                raise OSError(_EINVAL)
            _port.post("ble.address", values["addr_mode"])
        if names and names[0] == "mac":
            return (0, b"\x02\x00\x00\x00\x00\x01")
        return None

    def irq(self, handler):
        self._handler = handler

    def gap_advertise(self, interval_us, adv_data=None, resp_data=None, connectable=True):
        self._need_active()
        if interval_us is None:
            if self._advertising:
                self._advertising = False
                _port.post("ble.silence")
            return
        if adv_data is not None:
            self._adv_data = bytes(adv_data)
        if len(self._adv_data) > 31 or interval_us < 20_000:
            raise OSError(_EINVAL)
        self._advertising = True
        _port.post("ble.advertise", interval_us, binascii.hexlify(self._adv_data).decode(), bool(connectable))

    def gatts_register_services(self, services):
        self._need_active()
        if self._advertising:
            raise OSError(_EINVAL)
        handle, handles, told = 1, [], []
        self._values, self._buffers = {}, {}  # a second registration replaces the first
        for uuid, characteristics in services:
            handle += 1
            row, described = [], []
            for characteristic in characteristics:
                handle += 2
                row.append(handle)
                described.append([str(characteristic[0]), characteristic[1], handle])
                self._values[handle], self._buffers[handle] = b"", _DEFAULT_BUFFER
                if characteristic[1] & FLAG_NOTIFY:
                    handle += 1
            handles.append(tuple(row))
            told.append([str(uuid), described])
        _port.post("ble.services", told)
        return tuple(handles)

    def gatts_set_buffer(self, handle, length, append=False):
        self._need_handle(handle)
        self._buffers[handle] = length

    def gatts_read(self, handle):
        self._need_handle(handle)
        return self._values[handle]

    def gatts_write(self, handle, data, send_update=False):
        self._need_handle(handle)
        self._values[handle] = bytes(data)[: self._buffers[handle]]
        _port.post("ble.value", handle, binascii.hexlify(self._values[handle]).decode())

    def gatts_notify(self, connection, handle, data=None):
        self._need_active()
        value = self._values[handle] if data is None else bytes(data)
        _port.post("ble.notify", connection, handle, binascii.hexlify(value).decode())

    def gap_disconnect(self, connection):
        self._need_active()
        _port.post("ble.disconnect", connection)
        return True

    def _tell(self, event, data):
        if self._active and self._handler:
            self._handler(event, data)

    def _connected(self, connection, address):
        self._advertising = False  # and it does not come back by itself
        self._address[:] = binascii.unhexlify(address)
        self._tell(_IRQ_CENTRAL_CONNECT, (connection, 1, memoryview(self._address)))
        self._address[:] = b"\x00" * 6

    def _disconnected(self, connection, address):
        self._address[:] = binascii.unhexlify(address)
        self._tell(_IRQ_CENTRAL_DISCONNECT, (connection, 1, memoryview(self._address)))
        self._address[:] = b"\x00" * 6

    def _written(self, connection, handle, text):
        if handle in self._values:
            self._values[handle] = binascii.unhexlify(text)[: self._buffers[handle]]
            self._tell(_IRQ_GATTS_WRITE, (connection, handle))
