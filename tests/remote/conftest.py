"""The servers of these tests come from ``tests/servers/running_servers.py``."""
