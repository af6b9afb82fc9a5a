"""The frame as a text message: `S1` and base64url without padding, all of it in the GSM's default alphabet."""

from binascii import a2b_base64, b2a_base64

from .kinds import FORM_OF_LENGTH

MARK = "S1"
_LENGTHS = tuple([(length * 4 + 2) // 3 for length in FORM_OF_LENGTH])
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encode(frame):
    """Return the text of a frame: 34 characters for 24 bytes, 88 for 64."""
    text = b2a_base64(frame).decode().strip().rstrip("=")
    return MARK + text.replace("+", "-").replace("/", "_")


def decode(text):
    """Return the frame in a text, or None if it is none of ours; blanks and line ends around it do not matter."""
    text = text.strip()
    body = text[len(MARK) :]
    if not text.startswith(MARK) or len(body) not in _LENGTHS:
        return None
    for letter in body:
        if letter not in _LETTERS:
            return None
    frame = a2b_base64(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4))
    return frame if encode(frame) == text else None  # one text for each frame: spare bits are zero
