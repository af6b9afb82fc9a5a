"""Counts the bytecodes that MicroPython executes in a function of the firmware: exactly, one by one.

The unix port compiles the firmware and prints its bytecode (`-v -v`); what it printed is executed here on CPython's
objects, operation by operation as MicroPython's py/vm.c does, and counted. Whoever asks compares the values returned with
CPython's own. What no detector needs (exceptions, generators, keyword arguments) is refused by name.
"""

import inspect
import operator
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

from ..world import firmware

_BLOCK = re.compile(r"^File (.+), code block '(.+)' \(descriptor: (\w+),")
_LINE = re.compile(r"^  bc=(-?\d+) line=(\d+)")
_OPERATION = re.compile(r"^(\d+) ([A-Z][A-Z_]+)(?: (.*))?$")
_ITERATOR_SLOTS = 4  # what an iterator takes on MicroPython's stack

# In the order of py/runtime0.h.
_BINARY: list[Callable[[Any, Any], Any]] = [
    operator.lt, operator.gt, operator.eq, operator.le, operator.ge, operator.ne,
    lambda a, b: a in b, operator.is_, isinstance,
    operator.ior, operator.ixor, operator.iand, operator.ilshift, operator.irshift, operator.iadd, operator.isub,
    operator.imul, operator.imatmul, operator.ifloordiv, operator.itruediv, operator.imod, operator.ipow,
    operator.or_, operator.xor, operator.and_, operator.lshift, operator.rshift, operator.add, operator.sub,
    operator.mul, operator.matmul, operator.floordiv, operator.truediv, operator.mod, operator.pow,
]  # fmt: skip
_UNARY = [operator.pos, operator.neg, operator.invert, operator.not_]
_CONSTANTS = {"LOAD_CONST_NONE": None, "LOAD_CONST_TRUE": True, "LOAD_CONST_FALSE": False, "LOAD_NULL": None}


@dataclass
class Block:
    """One function as the unix port has compiled it."""

    file: str
    name: str
    lines: list[int] = field(default_factory=list)
    operations: list[tuple[str, str]] = field(default_factory=list)
    at: dict[int, int] = field(default_factory=dict)  # offset → index of the operation


def compiled(module: str, source: Path = firmware.SOURCE) -> dict[str, Block]:
    """Return {descriptor: block} of a firmware module and of all that it imports, compiled by the unix port."""
    source = source.resolve()
    done = subprocess.run(
        [firmware.interpreter(), "-v", "-v", "-c", f"import {module}"],
        env={"PATH": os.environ.get("PATH", ""), "MICROPYPATH": f"{source}:{firmware.path()}"},
        capture_output=True,
        text=True,
        check=True,
    )
    blocks: dict[str, Block] = {}
    block = Block("", "")
    for line in done.stdout.splitlines():
        if found := _BLOCK.match(line):
            block = blocks[found[3]] = Block(found[1], found[2])
        elif found := _LINE.match(line):
            block.lines.append(int(found[2]))
        elif found := _OPERATION.match(line):
            block.at[int(found[1])] = len(block.operations)
            block.operations.append((found[2].removesuffix("_N"), found[3] or ""))
    return blocks


class NotCounted(NotImplementedError):
    """A bytecode that nothing of the detector's uses: refused by name, for a count that passed it over would be too low."""

    def __init__(self, name: str, block: Block) -> None:
        super().__init__(f"{name} is not counted ({block.name})")


class _Made:
    """A function made while counting: a comprehension, or one that closes over cells."""

    def __init__(self, block: Block, scope: dict[str, Any], cells: list[list[Any]]) -> None:
        self.block, self.scope, self.cells = block, scope, cells


class Machine:
    """Calls functions of the firmware, counting; `count` is the bytecodes executed so far."""

    def __init__(self, blocks: dict[str, Block]) -> None:
        self.count = 0
        self._blocks = blocks
        self._by_code: dict[CodeType, Block | None] = {}

    def _block_of(self, code: CodeType) -> Block | None:
        if code not in self._by_code:
            last = max((line for *_, line in code.co_lines() if line), default=code.co_firstlineno)
            file = Path(code.co_filename).resolve()
            self._by_code[code] = next(
                (
                    block
                    for block in self._blocks.values()
                    if block.name == code.co_name
                    and Path(block.file) == file
                    and code.co_firstlineno <= max(block.lines) <= last
                ),
                None,
            )
        return self._by_code[code]

    def call(self, function: Any, *args: Any) -> Any:
        """Call a function: one of the firmware is executed here and counted, any other is simply called."""
        if isinstance(function, MethodType):
            return self.call(function.__func__, function.__self__, *args)
        if isinstance(function, _Made):
            return self._run(function.block, function.scope, [*function.cells, *args])
        if isinstance(function, FunctionType):
            block = self._block_of(function.__code__)
            if block is None:
                raise LookupError(
                    f"{function.__qualname__} of {function.__code__.co_filename} was not compiled"
                )
            return self._run(block, function.__globals__, list(_bound(function, args)))
        if isinstance(function, type) and isinstance(function.__init__, FunctionType):
            made = object.__new__(function)
            self.call(made.__init__, *args)
            return made
        return function(*args)

    def _run(self, block: Block, scope: dict[str, Any], arguments: list[Any]) -> Any:
        frame = _Frame(self, block, scope, arguments)
        next_ = 0
        while next_ >= 0:
            name, argument = block.operations[next_]
            self.count += 1
            jump = frame.do(name, argument)
            next_ = next_ + 1 if jump is None else jump
        return frame.stack.pop()


def _bound(function: FunctionType, args: tuple) -> tuple:
    bound = inspect.signature(function).bind(*args)
    bound.apply_defaults()
    return tuple(bound.arguments.values())


class _Frame:
    """One function under way: do() carries out one operation and returns where to go on, if not at the next."""

    def __init__(self, machine: Machine, block: Block, scope: dict[str, Any], local: list[Any]) -> None:
        self.machine, self.block, self.scope = machine, block, scope
        self.local = dict(enumerate(local))
        self.stack: list[Any] = []

    def do(self, name: str, argument: str) -> int | None:
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name.startswith("LOAD_"):
            self._load(name, argument)
        elif name.startswith("STORE_"):
            self._store(name, argument)
        elif "JUMP" in name:
            return self._jump(name, int(argument))
        elif name == "BINARY_OP":
            right, left = stack.pop(), stack.pop()
            stack.append(_BINARY[int(argument.split(maxsplit=1)[0])](left, right))
        elif name == "UNARY_OP":
            stack.append(_UNARY[int(argument.split(maxsplit=1)[0])](stack.pop()))
        elif name.startswith("CALL_"):
            self._call(name, argument)
        elif name == "FOR_ITER":
            return self._for(int(argument))
        elif name == "RETURN_VALUE":
            return -1
        else:
            self._other(name, argument)
        return None

    def _load(self, name: str, argument: str) -> None:
        stack = self.stack
        if name == "LOAD_FAST":
            stack.append(self.local[int(argument)])
        elif name == "LOAD_DEREF":
            stack.append(self.local[int(argument)][0])
        elif name == "LOAD_CONST_SMALL_INT":
            stack.append(int(argument))
        elif name == "LOAD_CONST_STRING":
            stack.append(argument[1:-1])
        elif name == "LOAD_CONST_OBJ":
            stack.append(_literal(argument))
        elif name in ("LOAD_GLOBAL", "LOAD_NAME"):
            known = self.scope["__builtins__"]
            built_in = known if isinstance(known, dict) else vars(known)
            stack.append(self.scope[argument] if argument in self.scope else built_in[argument])
        elif name == "LOAD_ATTR":
            stack.append(self._attribute(stack.pop(), argument))
        elif name == "LOAD_METHOD":
            stack += [getattr(stack.pop(), argument), None]
        elif name == "LOAD_SUBSCR":
            index = stack.pop()
            stack.append(stack.pop()[index])
        else:
            raise NotCounted(name, self.block)

    def _attribute(self, owner: Any, name: str) -> Any:
        """Read an attribute; a property is a call like any other."""
        found = inspect.getattr_static(type(owner), name, None)
        return self.machine.call(found.fget, owner) if isinstance(found, property) else getattr(owner, name)

    def _store(self, name: str, argument: str) -> None:
        stack = self.stack
        if name == "STORE_FAST":
            self.local[int(argument)] = stack.pop()
        elif name == "STORE_DEREF":
            self.local[int(argument)][0] = stack.pop()
        elif name == "STORE_ATTR":
            owner = stack.pop()
            setattr(owner, argument, stack.pop())
        elif name == "STORE_SUBSCR":
            index, owner = stack.pop(), stack.pop()
            owner[index] = stack.pop()
        elif name == "STORE_COMP" and not int(argument) & 3:
            value = stack[-1]
            stack[-1 - (int(argument) >> 2)].append(value)
            stack.pop()
        else:
            raise NotCounted(name, self.block)

    def _jump(self, name: str, to: int) -> int | None:
        target, stack = self.block.at[to], self.stack
        if name == "JUMP":
            return target
        wanted = "IF_TRUE" in name
        if name.startswith("POP_JUMP"):
            return target if bool(stack.pop()) is wanted else None
        if name.endswith("_OR_POP"):
            if bool(stack[-1]) is wanted:
                return target
            stack.pop()
            return None
        raise NotCounted(name, self.block)

    def _for(self, to: int) -> int | None:
        try:
            self.stack.append(next(self.stack[-_ITERATOR_SLOTS]))
        except StopIteration:
            del self.stack[-_ITERATOR_SLOTS:]
            return self.block.at[to]
        return None

    def _call(self, name: str, argument: str) -> None:
        found = re.fullmatch(r"n=(\d+) nkw=0", argument)
        if name not in ("CALL_FUNCTION", "CALL_METHOD") or not found:
            raise NotCounted(f"{name} {argument}", self.block)
        stack, given = self.stack, int(found[1])
        arguments = stack[len(stack) - given :]
        del stack[len(stack) - given :]
        if name == "CALL_METHOD":
            stack.pop()
        stack.append(self.machine.call(stack.pop(), *arguments))

    def _other(self, name: str, argument: str) -> None:
        stack = self.stack
        if name == "DUP_TOP":
            stack.append(stack[-1])
        elif name == "DUP_TOP_TWO":
            stack += stack[-2:]
        elif name == "POP_TOP":
            stack.pop()
        elif name == "ROT_TWO":
            stack[-1], stack[-2] = stack[-2], stack[-1]
        elif name == "ROT_THREE":
            stack[-3], stack[-2], stack[-1] = stack[-1], stack[-3], stack[-2]
        elif name == "GET_ITER_STACK":
            stack += [iter(stack.pop()), None, None, None]
        elif name in ("BUILD_TUPLE", "BUILD_LIST"):
            count = int(argument)
            values = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            stack.append(tuple(values) if name == "BUILD_TUPLE" else values)
        elif name == "BUILD_SLICE":
            parts = stack[-int(argument) :]
            del stack[-int(argument) :]
            stack.append(slice(*parts))
        elif name == "UNPACK_SEQUENCE":
            stack += [*stack.pop()][::-1]
        elif name == "MAKE_FUNCTION":
            stack.append(_Made(self._made(argument), self.scope, []))
        else:
            raise NotCounted(name, self.block)

    def _made(self, descriptor: str) -> Block:
        return self.machine._blocks[descriptor.split(maxsplit=1)[0]]


def _literal(argument: str) -> Any:
    """Return the constant that the port prints as address=repr."""
    import ast

    return ast.literal_eval(argument.partition("=")[2])
