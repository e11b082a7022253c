"""Profiles of modules that are started here, as people write them."""

from __future__ import annotations

__all__ = ["YOLO_HERE"]

YOLO_HERE = """
format = 1
name = "yolo"
means = "order"
[module]
names = ["yolo"]
[predict]
picture = "files"
model = "model"
accept = "application/json"
values = { task_type = "seg" }
[train]
layout = "yolo"
put = "{set}/"
argument = "data"
told = "{mount}/{set}/data.yaml"
mount = "MOUNT"
values = { model = "yolov8n-seg" }
[train.settings]
epochs = "epochs"
seed = "seed"
[train.back]
source = "metadata"
key = "models_local"
"""
