"""The phenoai command."""
