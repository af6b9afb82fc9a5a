"""What the gateway stands on, started and stopped by us: PostgreSQL, a broker for the demo, mosquitto for earnest."""
