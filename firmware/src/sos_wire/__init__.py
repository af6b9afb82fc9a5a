"""The wire format: the only place that knows bytes, for device, gateway and simulator alike."""
