"""Models: features, forest, network, training and inference; torch lives only here."""

from napari_phenoai.ml.waiting import wait_without_spinning

wait_without_spinning()
