"""The road from a wearer's press to a police desk, and back to the wrist."""
