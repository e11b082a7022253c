"""Runs a piece of work in a thread or in a child process."""
