"""The modules in this folder run inside servers; they hold no tests."""

collect_ignore_glob = ["*.py"]
