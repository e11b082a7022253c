"""Synthetic scenes, contract tests and strategies; shipped for plugin writers."""
