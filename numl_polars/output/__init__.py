"""Writing objects: shards, merge, splits, report."""
