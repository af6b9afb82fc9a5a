"""Plays."""


async def play(once: bool, pendants: int, presses: int) -> int:
    return 0
