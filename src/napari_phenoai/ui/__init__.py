"""Windows: thin widgets over the loop."""
