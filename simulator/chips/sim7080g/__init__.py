"""The SIM7080G, a modem for LTE-M and NB-IoT with a satellite receiver, emulated at its AT commands."""

from .faults import Faults
from .line import Broker, Failure, Fix, MqttLine
from .modem import Sim7080g
from .subscription import Cell, Identity

__all__ = ["Broker", "Cell", "Failure", "Faults", "Fix", "Identity", "MqttLine", "Sim7080g"]
