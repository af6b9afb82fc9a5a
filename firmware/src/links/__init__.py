"""Ways out: each opens, sends, receives and closes in the same shape."""
