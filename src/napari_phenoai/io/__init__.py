"""Everything that touches the disk: images, labels, reviews, the ledger."""
