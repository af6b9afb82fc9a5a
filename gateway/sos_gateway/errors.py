"""The few exceptions callers can act on; their text is one sentence for the person who must mend it."""


class SocorsError(Exception):
    """Something a person can mend; the text says what is wrong and how."""


class ConfigError(SocorsError):
    """A setting is wrong or missing."""


class NotFound(SocorsError):
    """There is no such thing."""


class Conflict(SocorsError):
    """Somebody else was first, or the state does not allow it; the text says who or which."""


def in_a_line(error: BaseException) -> str:
    """Return the first line of what an error says of itself, or its name: some, like TimeoutError, say nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]
