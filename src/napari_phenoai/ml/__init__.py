"""Models: features, forest, network, training and inference; torch lives only here."""
