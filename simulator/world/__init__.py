"""What is round a device: its hardware, its wearer's body, its battery, the air."""
