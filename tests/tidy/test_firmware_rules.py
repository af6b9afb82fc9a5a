"""The rules of the firmware, read off its syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "firmware" / "src"
BOARDS = ROOT / "firmware" / "esp32"

# What each folder may import. A name ending in a dot stands for the whole package.
ALLOWED = {
    "sos_wire": {"struct", "binascii", "hashlib", "collections", "sos_wire"},
    "app": {"sos_wire", "settings", "app", "typing", "collections"},
    "drivers": {
        "machine",
        "time",
        "asyncio",
        "drivers",
        "typing",
        "micropython",
        "struct",
        "sos_wire",
        "log",
        "hashlib",
    },
}
FORBIDDEN = {
    "links": {"app", "machine"},
    "tasks": {"machine", "bluetooth", "esp32"},
}
EVERYWHERE_FORBIDDEN = {"simulator", "tests", "sos_gateway"}


def files(folder):
    return sorted((SRC / folder).rglob("*.py"))


def everything():
    return [
        path
        for path in [*SRC.rglob("*.py"), *BOARDS.rglob("*.py")]
        if "lib" not in path.relative_to(ROOT).parts
    ]


def tree_of(path):
    return ast.parse(path.read_text(), filename=str(path))


def guarded_lines(tree):
    """Lines inside `if TYPE_CHECKING:`: imported for the type checker only, never on the device."""
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for child in node.body:
                lines.update(range(child.lineno, (child.end_lineno or child.lineno) + 1))
    return lines


def imported(path):
    """Yield (top-level name, line) for what a file imports at run time."""
    tree = tree_of(path)
    guarded = guarded_lines(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        if node.lineno not in guarded:
            yield from ((name.split(".")[0], node.lineno) for name in names)


def where(path, line):
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_a_folder_imports_only_what_its_layer_allows(folder):
    wrong = [
        f"{where(p, line)} imports {name}"
        for p in files(folder)
        for name, line in imported(p)
        if name not in ALLOWED[folder]
    ]
    assert not wrong


@pytest.mark.parametrize("folder", sorted(FORBIDDEN))
def test_a_folder_does_not_reach_past_its_layer(folder):
    wrong = [
        f"{where(p, line)} imports {name}"
        for p in files(folder)
        for name, line in imported(p)
        if name in FORBIDDEN[folder]
    ]
    assert not wrong


def test_the_firmware_never_knows_of_simulator_tests_or_gateway():
    wrong = [
        f"{where(p, line)} imports {name}"
        for p in everything()
        for name, line in imported(p)
        if name in EVERYWHERE_FORBIDDEN
    ]
    assert not wrong


def test_only_the_log_prints():
    wrong = [
        where(p, node.lineno)
        for p in everything()
        if p.name not in ("log.py", "provision.py")
        for node in ast.walk(tree_of(p))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong


def test_no_exception_is_caught_without_its_name():
    wrong = [
        where(p, node.lineno)
        for p in everything()
        for node in ast.walk(tree_of(p))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not wrong


def reads_ticks(node):
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("ticks_ms", "ticks_us", "ticks_add")


def test_tick_values_are_never_subtracted_by_hand():
    wrong = [
        where(p, node.lineno)
        for p in everything()
        for node in ast.walk(tree_of(p))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and (reads_ticks(node.left) or reads_ticks(node.right))
    ]
    assert not wrong


def test_tasks_are_created_by_the_supervisor_alone():
    wrong = [
        where(p, node.lineno)
        for p in everything()
        if p.name != "supervisor.py"
        for node in ast.walk(tree_of(p))
        if isinstance(node, ast.Attribute) and node.attr in ("create_task", "ensure_future")
    ]
    assert not wrong


def test_every_decision_has_its_own_test_file():
    missing = [
        p.name
        for p in files("app")
        if p.name != "__init__.py" and not (ROOT / "tests" / "app" / f"test_{p.name}").exists()
    ]
    assert not missing
