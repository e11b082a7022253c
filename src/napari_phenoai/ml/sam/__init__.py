"""segment-anything: outlines from clicks, boxes, or of everything in a tile."""
