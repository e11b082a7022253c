"""Servers that predict: the DEEPaaS client, its forms, and what comes back."""
