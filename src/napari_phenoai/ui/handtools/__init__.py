"""Tools of the Workbench that napari does not have: their mouse, preview and undo step."""
