"""All settings of the gateway, from the environment (SOCORS_…), checked before anything starts."""

import base64
import difflib
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from .errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What examples and habit put where a secret belongs, whatever is added to make it long enough.
DEFAULT_SECRETS = ("changeme", "change-me", "secret", "password", "socors", "123456", "example", "default")


class Destination(BaseModel):
    """One place outside that is told of incidents. None is configured by default; 112 would be one like any other."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    kind: str = Field(pattern=r"^(webhook|cap)$")
    url: str
    secret: SecretStr  # Standard Webhooks: whsec_ and base64
    towns: list[str] = []  # empty: all
    timeout_s: float = Field(default=10, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            host = parts.hostname or ""
        except ValueError:
            raise ValueError("is no address") from None
        if parts.scheme == "https" and host:
            return value
        if parts.scheme == "http" and host in LOOPBACK:
            return value
        raise ValueError("must be an https:// address (http:// only on this machine)")

    @field_validator("secret")
    @classmethod
    def _is_a_webhook_secret(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not text.startswith("whsec_") or len(key) < 24 or len(set(key)) < 8:
            raise ValueError("must be whsec_ and the base64 of at least 24 random bytes")
        return value

    @field_validator("towns")
    @classmethod
    def _are_towns(cls, value: list[str]) -> list[str]:
        from .domain.jurisdiction import metropolitan

        unknown = sorted(set(value) - set(metropolitan().names))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no INE code of a municipality of the area")
        return value


class Settings(BaseSettings):
    """One frozen object; every field is one environment variable with the prefix SOCORS_."""

    model_config = SettingsConfigDict(env_prefix="SOCORS_", frozen=True, extra="ignore")

    database_url: str = Field(description="PostgreSQL, e.g. postgresql://socors@localhost/socors")
    secret_key_file: Path = Field(description="file with the key device secrets are wrapped under, mode 600")
    mqtt_host: str = Field("127.0.0.1", description="the broker's host")
    mqtt_port: int = Field(8883, ge=1, le=65535, description="the broker's port")
    mqtt_user: str = Field("gateway", description="the gateway's user at the broker")
    mqtt_password: SecretStr = Field(description="the gateway's password at the broker")
    mqtt_ca_file: Path | None = Field(
        None, description="CA of the broker's certificate; empty: no TLS, loopback only"
    )
    http_host: str = Field("127.0.0.1", description="address of console and API")
    http_port: int = Field(
        8080, ge=0, le=65535, description="port of console and API; a busy one is stepped round"
    )
    destinations: list[Destination] = Field([], description="JSON list of webhook and CAP destinations")
    tile_url: str = Field(
        "", description="map tiles, e.g. https://tiles.example/{z}/{x}/{y}.png; empty: boundaries only"
    )
    secure_cookies: bool = Field(True, description="send session cookies over HTTPS only")
    alias_folder: Path | None = Field(
        None,
        description="where the alias table of a large fleet is kept (230 MB for a million devices); empty: a folder "
        "of this database's own under $STATE_DIRECTORY, else in the system's folder for temporary files",
    )
    # Long enough for a month's report on a town's hubs.
    keep_telemetry_days: int = Field(
        30, ge=1, le=3650, description="days that heartbeats, positions and where they were heard are kept"
    )
    # A hub that was cut off may ask so long afterwards what became of a frame; later it is told again, as a copy.
    keep_hub_frame_days: int = Field(
        30, ge=1, le=3650, description="days that it is kept what became of each frame of a hub"
    )
    # The way a wearer went and what her fall felt like, of use while what followed from the incident is looked into; then
    # it is nobody's business.
    keep_track_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="days that the track and the evidence of an incident are kept after it is over",
    )
    sender: str = Field("socors@localhost", description="the sender named in CAP messages")

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        if urlsplit(value).scheme not in ("postgresql", "postgres"):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("mqtt_password")
    @classmethod
    def _is_no_default(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if len(text) < 12 or any(text.lower().startswith(word) for word in DEFAULT_SECRETS):
            raise ValueError(
                "is empty, a default, or shorter than 12 characters; `socors broker init` makes a good one"
            )
        return value

    @field_validator("destinations")
    @classmethod
    def _have_names_of_their_own(cls, value: list[Destination]) -> list[Destination]:
        names = [destination.name for destination in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two destinations are called {twice[0]}; give each its own name")
        return value

    @field_validator("sender")
    @classmethod
    def _is_a_cap_sender(cls, value: str) -> str:
        if not value or any(sign in value for sign in " ,<&"):
            raise ValueError("has a blank, comma, < or &, which CAP forbids there")
        return value

    @field_validator("secret_key_file", "mqtt_ca_file")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value


def load(**overrides: Any) -> Settings:
    """Read and check the settings; the first thing wrong is told in one sentence."""
    _refuse_slips_of_the_pen()
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from None
    except SettingsError as error:
        # A list or object that is no JSON; pydantic-settings names the field in the text only.
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "destinations")
        raise ConfigError(
            f"SOCORS_{field.upper()} is wrong: it must be JSON, e.g. "
            '[{"name": "police", "kind": "webhook", "url": "https://…", "secret": "whsec_…"}].'
        ) from None
    if settings.mqtt_ca_file is None and settings.mqtt_host not in LOOPBACK:
        raise ConfigError(
            "SOCORS_MQTT_CA_FILE is not set, but the broker is on another machine: set it to the CA of its certificate."
        )
    return settings


def database_url() -> str:
    """Return the one setting that commands about the database need."""
    url = os.environ.get("SOCORS_DATABASE_URL", "")
    if not url:
        raise ConfigError(
            "SOCORS_DATABASE_URL is not set: set it (PostgreSQL, e.g. postgresql://socors@localhost/socors)."
        )
    return url


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    top, *inner = first["loc"]
    name = f"SOCORS_{str(top).upper()}"
    if inner:
        name += " (" + ", ".join(f"number {p + 1}" if isinstance(p, int) else str(p) for p in inner) + ")"
    if first["type"] == "missing" and not inner:
        field = Settings.model_fields.get(str(top))
        what = f" ({field.description})" if field and field.description else ""
        return f"{name} is not set: set it{what}."
    text = re.sub(r"^(Value error, |(Input|String|Value) )", lambda m: "it " if m[2] else "", first["msg"])
    return f"{name} is wrong: {text}; mend it and start again."


def _refuse_slips_of_the_pen() -> None:
    """A name that is almost a setting's would be ignored in silence, and with it, say, the police's address."""
    names = [f"SOCORS_{field.upper()}" for field in Settings.model_fields]
    for given in sorted(os.environ):
        if not given.startswith("SOCORS_") or given.startswith("SOCORS_HUB_") or given in names:
            continue
        near = difflib.get_close_matches(given, names, n=1, cutoff=0.85)
        if near:
            raise ConfigError(f"{given} is no setting: rename it to {near[0]}, or remove it.")
