"""Settings of a hub, from the environment (SOCORS_HUB_…)."""

import importlib
import re
import ssl
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..errors import ConfigError


class HubSettings(BaseSettings):
    """One frozen object."""

    model_config = SettingsConfigDict(env_prefix="SOCORS_HUB_", frozen=True, extra="ignore")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="the hub's name, as the gateway knows it"
    )
    spool_file: Path = Field(description="file of the spool, on a disk that survives power cuts")
    mqtt_host: str = Field("127.0.0.1", description="the broker's host")
    mqtt_port: int = Field(8883, ge=1, le=65535, description="the broker's port")
    mqtt_password: SecretStr = Field(description="this hub's password at the broker")
    mqtt_ca_file: Path | None = Field(
        None, description="CA of the broker's certificate; empty: no TLS, loopback only"
    )
    adapter: str = Field(
        "hci0", description="Bluetooth adapter; empty: no Bluetooth, a hub with nothing but a GSM stick"
    )
    backend: str = Field(
        "", description="module with Scanner and Client for bleak; empty: the system's own Bluetooth"
    )
    company: int = Field(0xFFFF, ge=0, le=0xFFFF, description="company identifier devices advertise under")
    sms_port: str = Field(
        "",
        pattern=r"^(/.+)?$",
        description="serial port of a GSM stick, best one of /dev/serial/by-id; empty: no text messages",
    )
    sms_pin: SecretStr = Field(
        SecretStr(""), description="PIN of the stick's SIM, 4 to 8 digits; empty: the SIM wants none"
    )
    # An alarm is answered with three texts: received, accepted, closed. Seven alarms of one wearer in an hour.
    sms_per_number: int = Field(
        20, ge=1, le=1000, description="texts sent to one number in an hour at the most"
    )
    # All watches of a district whose data connection has failed; and what an hour of a runaway fault may cost.
    sms_total: int = Field(200, ge=1, le=100_000, description="texts sent in an hour at the most")

    @field_validator("sms_pin")
    @classmethod
    def _pin_is_digits(cls, pin: SecretStr) -> SecretStr:
        if not re.fullmatch(r"(\d{4,8})?", pin.get_secret_value()):
            raise ValueError("it is not 4 to 8 digits")
        return pin

    @property
    def mqtt_user(self) -> str:
        return f"hub-{self.name}"


def load(**overrides: Any) -> HubSettings:
    """Read and check; the first thing wrong is told in one sentence."""
    try:
        settings = HubSettings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        what = HubSettings.model_fields[field].description
        if first["type"] == "missing":
            raise ConfigError(f"SOCORS_HUB_{field.upper()} is not set: set it ({what}).") from None
        raise ConfigError(f"SOCORS_HUB_{field.upper()} is wrong ({first['msg']}): it is {what}.") from None
    if not settings.adapter and not settings.sms_port:
        raise ConfigError(
            "SOCORS_HUB_ADAPTER and SOCORS_HUB_SMS_PORT are both empty, so the hub would hear nothing: set one of them."
        )
    if settings.mqtt_ca_file is None and settings.mqtt_host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            "SOCORS_HUB_MQTT_CA_FILE is not set, but the broker is on another machine: set it to the CA of its certificate."
        )
    if settings.mqtt_ca_file is not None:
        try:
            ssl.create_default_context(cafile=str(settings.mqtt_ca_file))
        except OSError as error:
            raise ConfigError(
                f"SOCORS_HUB_MQTT_CA_FILE names {settings.mqtt_ca_file}, which cannot be used ({error}): "
                "set it to the CA of the broker's certificate."
            ) from None
    return settings


def backend(settings: HubSettings) -> tuple[Any, Any]:
    """Return (scanner, client) backend classes for bleak, (None, None) for the system's own."""
    if not settings.backend:
        return None, None
    try:
        module = importlib.import_module(settings.backend)
        return module.Scanner, module.Client
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"SOCORS_HUB_BACKEND names {settings.backend}, which cannot be used ({error}): leave it empty."
        ) from None
