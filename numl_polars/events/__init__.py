"""Which rows belong to which event: partitions over ranks, batches of whole events."""
