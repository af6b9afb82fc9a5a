"""The edge half of the gateway: hears pendants, keeps what it heard, carries answers back."""
