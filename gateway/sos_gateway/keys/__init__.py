"""Device secrets: wrapped at rest, registered, revoked; never printed."""
