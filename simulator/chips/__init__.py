"""The far side of the bus: chips emulated at their registers."""
