"""The subcommands of ``numl-polars``, beside `process`: options and printing, the work is elsewhere."""
