"""What hubs and gateway say to one another over MQTT: checked on arrival, refused with a reason."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sos_wire import kinds, topics

from ..down import Answer

OLDEST = timedelta(days=366)
TELEMETRY_MOST = 16  # full forms in one message of a device
DEVICE_MOST = 2**31 - 1
_DEVICE = re.compile(r"[1-9][0-9]{0,9}")

HubName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
SpoolName = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
# Whatever a radio can hand over, nothing included: what is no frame is refused by itself, not with all beside it.
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=1024)]
Milliseconds = Annotated[int, Field(ge=0, le=2**52)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HeardFrame(_Message):
    n: Annotated[int, Field(ge=0, le=2**62)]  # 0: heard now, but not spooled (the spool is full or broken)
    t: Milliseconds
    rssi: Annotated[int, Field(ge=-128, le=127)]
    frame: Hex
    via: Literal["ble", "sms"] = "ble"  # by text message: where the hub stands says nothing about the wearer


class Written(_Message):
    id: Annotated[int, Field(ge=0, le=2**62)]
    ok: bool
    why: Annotated[str, Field(max_length=200)] = ""
    via: Literal["ble", "sms"] = "ble"


class FromHub(_Message):
    """`h/{hub}/up` and `h/{hub}/backlog`."""

    v: Literal[1]
    hub: HubName
    spool: SpoolName
    sent: Milliseconds
    frames: Annotated[list[HeardFrame], Field(max_length=500)] = []
    written: Annotated[list[Written], Field(max_length=500)] = []
    status: dict[str, Any] = {}

    publisher: ClassVar[None] = None
    is_alarm: ClassVar[bool] = False

    @property
    def source(self) -> tuple[str, str]:
        """Whose numbers its frames have."""
        return self.hub, self.spool


class PublishedFrame(HeardFrame):
    """A frame as its device published it: nobody has numbered or measured it."""

    n: int = 0
    t: int = 0
    rssi: int = 0
    via: Literal["lte"] = "lte"  # type: ignore[assignment]


class FromDevice(_Message):
    """`d/{device}/alarm` and `d/{device}/telemetry`: what a device published itself, with no number of a spool."""

    publisher: int
    is_alarm: bool
    frames: list[PublishedFrame]
    hub: ClassVar[None] = None
    spool: ClassVar[str] = ""
    sent: ClassVar[int] = 0
    written: ClassVar[tuple[Written, ...]] = ()
    status: ClassVar[dict[str, Any]] = {}

    @property
    def source(self) -> tuple[str, str]:
        return f"d/{self.publisher}", ""


Said = FromHub | FromDevice


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The message is not one of ours; `why` is counted. It may have been meant as an alarm of a device."""

    why: str
    alarm_of: int | None = None


def read(topic_hub: str, payload: bytes) -> FromHub:
    """Return a hub's message, or raise Refused."""
    try:
        message = FromHub.model_validate_json(payload)
    except ValidationError as error:
        raise Refused(error.errors()[0]["type"]) from None
    if message.hub != topic_hub:
        raise Refused("foreign_hub")
    return message


def read_device(number: str, lane: str, payload: bytes) -> FromDevice:
    """Return what a device published, or raise Refused: one full form as an alarm, 1 to 16 as telemetry."""
    if not _DEVICE.fullmatch(number) or int(number) > DEVICE_MOST or lane not in ("alarm", "telemetry"):
        raise Refused("unknown_topic")
    device, is_alarm = int(number), lane == "alarm"
    size = kinds.FRAME_BYTES[kinds.FORM_FULL]
    count, rest = divmod(len(payload), size)
    if rest or not 1 <= count <= (1 if is_alarm else TELEMETRY_MOST):
        raise Refused(f"{lane}_length", device if is_alarm else None)
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    frames = [PublishedFrame(frame=piece.hex()) for piece in pieces]
    return FromDevice(publisher=device, is_alarm=is_alarm, frames=frames)


def said_in(topic: str, payload: bytes) -> Said:
    """Return what is said in a message, or raise Refused."""
    owner = topics.owner(topic)
    if owner is None:
        raise Refused("unknown_topic")
    whose, name, lane = owner
    return read(name, payload) if whose == "h" else read_device(name, lane, payload)


def heard_at(t: int, sent: int, now: datetime) -> datetime:
    """Return when a hub heard a frame, by our clock: so long before it sent the message as its own clock says.

    A hub without a clock of its own starts in 1970; its frames must be resolved and dated all the same. An age that
    cannot be (the hub's clock was set in between) counts as none.
    """
    age = timedelta(milliseconds=sent - t)
    return now - age if timedelta() <= age <= OLDEST else now


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def receipt(spool: str, numbers: list[int]) -> bytes:
    """Return the receipt that names ranges of hub sequence numbers read from the database."""
    return json.dumps({"v": 1, "spool": spool, "ranges": ranges(numbers)}).encode()


def ranges(numbers: list[int]) -> list[list[int]]:
    """Return sorted numbers as closed ranges: [1, 2, 3, 7] -> [[1, 3], [7, 7]]."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def down(answer: Answer, now: datetime) -> bytes:
    """Return the message that asks a hub to carry an answer; `sent` lets it reckon without a clock that is right."""
    return json.dumps(
        {
            "v": 1,
            "id": answer.id,
            "sent": milliseconds(now),
            "aliases": [alias.hex() for alias in answer.aliases],
            "frame": answer.frame.hex(),
            "until": milliseconds(answer.until),
            "state": answer.state,
            "via": answer.via,
        }
    ).encode()
