"""CloudEvents 1.0 in JSON, signed as Standard Webhooks asks: id, timestamp and body under HMAC-SHA256."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

SOURCE = "urn:socors:gateway"


def body(row: dict[str, Any]) -> bytes:
    """Return the CloudEvent of an outbox row; its id is the row's stable identifier."""
    event = {
        "specversion": "1.0",
        "id": row["identifier"],
        "source": SOURCE,
        "type": f"org.socors.incident.{row['kind']}",
        "subject": str(row["incident_id"]),
        "time": row["created_at"].astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": row["payload"],
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def headers(identifier: str, at: datetime, content: bytes, secret: str, content_type: str) -> dict[str, str]:
    """Return the headers a receiver checks: webhook-id, webhook-timestamp, webhook-signature."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    seconds = str(int(at.timestamp()))
    signed = b".".join((identifier.encode(), seconds.encode(), content))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": content_type,
        "webhook-id": identifier,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }
