"""A cancellation that was swallowed on its way is raised after all: a task told to end must not go on for ever."""

import asyncio


def end_if_cancelled() -> None:
    """Raise CancelledError when this task has been told to end.

    Python 3.11's asyncio.wait_for returns its result when the cancellation and the result come together, and a client
    whose farewell to the broker fails raises MqttError in the cancellation's place. Whoever goes on in a loop after
    either asks here first.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
