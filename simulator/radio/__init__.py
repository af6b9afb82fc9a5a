"""The air: Bumble's controllers and ATT/GATT on a link of ours that loses, delays and weakens."""
