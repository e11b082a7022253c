"""What napari.yaml names: widgets, readers, writer, sample data, commands."""
