"""All settings of the gateway, from the environment (SOCORS_…), checked before anything starts."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import ConfigError

DEFAULT_SECRETS = {"", "changeme", "change-me", "secret", "password", "socors"}


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
    def _is_http(cls, value: str) -> str:
        if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
            raise ValueError("must be an http:// or https:// address")
        return value

    @field_validator("secret")
    @classmethod
    def _is_a_webhook_secret(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("whsec_") or len(value.get_secret_value()) < 30:
            raise ValueError("must be whsec_ and the base64 of at least 24 random bytes")
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
    base_url: str = Field(
        "", description="address under which people reach the console, for links in messages"
    )
    destinations: list[Destination] = Field([], description="JSON list of webhook and CAP destinations")
    tile_url: str = Field(
        "", description="map tiles, e.g. https://tiles.example/{z}/{x}/{y}.png; empty: boundaries only"
    )
    secure_cookies: bool = Field(True, description="send session cookies over HTTPS only")
    alias_folder: Path | None = Field(None, description="where the alias table of a large fleet is kept")
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
        if value.get_secret_value().lower() in DEFAULT_SECRETS or len(value.get_secret_value()) < 12:
            raise ValueError(
                "is empty, a default, or shorter than 12 characters; `socors broker` makes a good one"
            )
        return value


def load(**overrides: Any) -> Settings:
    """Read and check the settings; the first thing wrong is told in one sentence."""
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "SOCORS_" + "__".join(str(part) for part in first["loc"]).upper()
        if first["type"] == "missing":
            field = Settings.model_fields.get(str(first["loc"][0]))
            what = f" ({field.description})" if field and field.description else ""
            raise ConfigError(f"{name} is not set: set it{what}.") from None
        text = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name} is wrong: {text}; mend it and start again.") from None
    if settings.mqtt_ca_file is None and settings.mqtt_host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            "SOCORS_MQTT_CA_FILE is not set, but the broker is on another machine: set it to the CA of its certificate."
        )
    return settings
