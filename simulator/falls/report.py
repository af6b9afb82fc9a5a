"""How well the fall detector does on people it never saw: writes docs/falls.md and its pictures (`make falls`)."""

import argparse
import hashlib
import sys
import tempfile
from functools import partial
from pathlib import Path

from ..world.firmware import ROOT, SOURCE
from . import pictures, recordings, trained
from .changes import CHANGES
from .evaluation import Recorded, evaluate
from .remembering import remembered
from .replaying import alarms
from .sections import Told, text

DOCUMENT = ROOT / "docs" / "falls.md"
TRIED = Path(__file__).with_name("tried.md")


def detector_hash() -> str:
    """Return the SHA-256 of the detector: what lies in firmware/src/app as fall*.py."""
    whole = hashlib.sha256()
    for path in sorted((SOURCE / "app").glob("fall*.py")):
        whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.falls.report", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the recordings as they are, without the changes"
    )
    options = parser.parse_args()
    if not recordings.available():
        print(f"There are no recordings: {recordings.FOLDER} is not there.")
        sys.exit(1)
    with tempfile.TemporaryDirectory() as folder:
        results = evaluate(
            trained.cases(Path(folder)),
            remembered(alarms),
            {} if options.quick else CHANGES,
            Recorded(recordings.trials),
            partial(print, flush=True),
        )
    told = Told(
        "The detector is the firmware's: a blow of more than 1.5 g, three seconds later a model on what was felt round\n"
        "it; one model for the trunk, one for the wrist, learned by `make train`. Where it is judged here, it is by\n"
        "models that were trained in the same way without the people in question.\n\n"
        f"SHA-256 of firmware/src/app/fall\\*.py: {detector_hash()}.",
        TRIED.read_text() if TRIED.exists() else "",
        pictures.draw(results, DOCUMENT.parent),
    )
    DOCUMENT.write_text(text(results, told))
    print(f"Written: {DOCUMENT.relative_to(ROOT)} and {len(told.pictures)} pictures.")


if __name__ == "__main__":
    main()
