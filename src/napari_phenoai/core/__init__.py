"""Values and pure functions; knows nothing of files, windows or networks."""
