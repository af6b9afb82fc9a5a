"""`esp32` of C3 and S3: the data partition, NVS, and what each wakes by from deep sleep."""

import json

import _flash
import _port
import uos

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True
_WAKING = {"esp32c3": range(6), "esp32s3": range(22)}  # the S3's are those of its RTC
_MISSING = -0x1102  # ESP_ERR_NVS_NOT_FOUND
_FAIL = -1  # ESP_FAIL


def directory():
    """The folder that stands for this device's flash chip."""
    return uos.getenv("SOCORS_FLASH")


class _Counted(_flash.Nor):
    """Tells the world of each page that is programmed and each sector that is erased: both cost charge."""

    @staticmethod
    def open(path, blocks):
        return _Counted(_flash.Nor.open(path, blocks)._file, blocks)

    def _tell(self, what):
        import _port

        if _port.stream() is not None:
            _port.post("flash", what)

    def _program(self, start, buffer):
        self._tell("write")
        super()._program(start, buffer)

    def _erase(self, block):
        self._tell("erase")
        super()._erase(block)


class Partition:
    TYPE_APP = 0
    TYPE_DATA = 1
    BLOCKS = 64  # 256 KB: a part of what the stock table gives, and quick to make

    @staticmethod
    def find(type=1, subtype=0xFF, label=None, block_size=4096):
        return [_Counted.open(directory() + "/vfs.bin", Partition.BLOCKS)]


class NVS:
    """Blobs by key of at most 15 characters; what was set is there after commit, whole or not at all."""

    def __init__(self, namespace):
        self._path = directory() + "/nvs-" + namespace + ".json"
        self._values = {}
        self._changed = {}
        if _flash.exists(self._path):
            with open(self._path) as file:
                self._values = json.load(file)

    def _key(self, key):
        if len(key) > 15:
            raise ValueError("NVS keys have at most 15 characters")
        return key

    def set_blob(self, key, value):
        self._values[self._key(key)] = self._changed[key] = "".join("%02x" % byte for byte in value)

    def get_blob(self, key, buffer):
        text = self._values.get(self._key(key))
        if text is None:
            raise OSError(_MISSING)
        value = bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])
        if len(value) > len(buffer):
            raise OSError(-0x110C)
        buffer[: len(value)] = value
        return len(value)

    def erase_key(self, key):
        if self._values.pop(self._key(key), None) is None:
            raise OSError(_MISSING)

    def commit(self):
        """One byte of the fuse stands for the commit: before it the old values, after it the new ones."""
        if not _flash.wear.before_write():
            raise OSError(_FAIL)
        if not _flash.fuse.allow(1):
            raise _flash.PowerCut
        with open(self._path + ".new", "w") as file:
            json.dump(self._values, file)
        uos.rename(self._path + ".new", self._path)
        for key, value in self._changed.items():
            if key != "secret":
                _port.note("kept", key, value)
        self._changed = {}


def _numbers(pins, chip):
    """The numbers of pins that wake a chip; what only the other chip has is an error here as there."""
    here = _port.hello.get("chip", "esp32c3")
    if here != chip:
        raise AttributeError("an %s does not wake by this from deep sleep" % here)
    numbers = [pin.number for pin in pins or ()]
    for number in numbers:
        if number not in _WAKING[chip]:
            raise ValueError("GPIO %d cannot wake an %s from deep sleep" % (number, chip))
    return numbers


def wake_on_gpio(pins, level):
    _port.post("wake_on_gpio", _numbers(pins, "esp32c3"), 1 if level else 0)


def wake_on_ext0(pin, level):
    _port.post("wake_on_ext0", _numbers([pin] if pin else (), "esp32s3"), 1 if level else 0)


def wake_on_ext1(pins, level):
    _port.post("wake_on_ext1", _numbers(pins, "esp32s3"), 1 if level else 0)


def gpio_deep_sleep_hold(on):
    """Whether pins that are held keep their level through deep sleep."""
    _port.post("deep_sleep_hold", bool(on))
