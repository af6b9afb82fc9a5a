"""Print what the emulated modem answers, and from where that is known: `python -m simulator.chips.sim7080g`."""

from .delays import rows
from .modem import table


def main() -> None:
    print("Commands: which forms, and from where")
    forms: dict[tuple[str, str], list[str]] = {}
    for entry in table():
        forms.setdefault((entry.name, entry.source), []).append(entry.form)
    for (name, source), names in sorted(forms.items()):
        print(f"  AT{name:<12} {' '.join(names):<14} {source}")
    print("Delays, milliseconds: low, likely, high")
    for name, row in rows().items():
        print(f"  {name:<20} {row.low_ms:>6.0f} {row.likely_ms:>6.0f} {row.high_ms:>6.0f}  {row.source}")


if __name__ == "__main__":
    main()
