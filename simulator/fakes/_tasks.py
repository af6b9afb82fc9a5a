"""Stand-in for the C module `_asyncio`: the built-in one queues by the host's clock, not by the ticks of `time`.

Written from what asyncio asks of it: a queue of tasks ordered by due time and arrival, and a task with coro, data,
state and ph_key.
"""

import time


class TaskQueue:
    """Tasks by (due, arrival); due times are ticks and wrap."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = time.ticks_ms() if key is None else key
        place = len(self._tasks)
        while place and time.ticks_diff(task.ph_key, self._tasks[place - 1].ph_key) < 0:
            place -= 1
        self._tasks.insert(place, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    """state: True running, False done and seen, None done and not seen, or the queue of who waits."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False  # done, and now somebody has seen it
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        import asyncio.core as core

        if not self.state:
            raise self.data
        self.state.push(core.cur_task)
        core.cur_task.data = self

    def done(self):
        return not self.state

    def cancel(self):
        import asyncio.core as core

        if not self.state:
            return False
        if self is core.cur_task:
            raise RuntimeError("can't cancel self")
        while isinstance(self.data, Task):
            self = self.data
        if hasattr(self.data, "remove"):
            self.data.remove(self)
            core._task_queue.push(self)
        elif core._task_queue is not None and self in core._task_queue._tasks:
            core._task_queue.remove(self)
            core._task_queue.push(self)
        self.data = core.CancelledError
        return True
