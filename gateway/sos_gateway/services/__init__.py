"""Servers the demo and the tests start beside themselves, and the files a broker in earnest needs."""
