"""The story, live: every part started on this machine, played once, measured and checked from the outside."""
