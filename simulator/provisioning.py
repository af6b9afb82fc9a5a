"""Puts an identity into a simulated device the way it is put into a real one: by the firmware's own provision.py."""

import json
import os
import subprocess
from pathlib import Path

from .world import firmware

_SCRIPT = """
import esp32, flash, json, os, provision
flash.mount(esp32.Partition.find()[0], "/socors")
said = json.loads(os.getenv("SOCORS_SAID"))
options = said.get("settings")
if options:
    with open("/socors/settings.json", "w") as file:
        json.dump(options, file)
network = said.get("network")
if network:
    with open("/socors/network.json", "w") as file:
        json.dump(network, file)
secret = bytes([int(said["secret"][i : i + 2], 16) for i in range(0, 64, 2)])
print(provision.provision("/socors", esp32.NVS("socors"), said["device"], secret, said.get("force", False)))
"""


def provision(folder: Path, secret_file: Path, settings: dict[str, int | str] | None = None) -> str:
    """Write the identity in a secrets file (`socors provision --out`) into a device's flash; return its answer."""
    folder.mkdir(parents=True, exist_ok=True)
    said = json.loads(secret_file.read_text())
    done = subprocess.run(
        [firmware.interpreter(), "-c", _SCRIPT],
        env={
            "MICROPYPATH": firmware.path(),
            "SOCORS_FLASH": str(folder),
            "SOCORS_SAID": json.dumps({**said, "settings": {**said.get("settings", {}), **(settings or {})}}),
            "PATH": os.environ.get("PATH", ""),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    answer = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()
    if not answer.startswith("provisioned"):
        raise RuntimeError(f"device {said['device']} was not provisioned: {answer}")
    return answer
