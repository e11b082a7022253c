"""The use cases, as generator functions over ports."""
