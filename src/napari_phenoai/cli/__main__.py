"""``python -m napari_phenoai.cli``, the same as ``phenoai``."""

from napari_phenoai.cli import main

if __name__ == "__main__":
    main()
