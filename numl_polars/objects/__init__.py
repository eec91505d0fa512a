"""From labelled tables to training objects, a batch of events at once."""
