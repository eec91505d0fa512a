"""The command line as a module, to be run by ``python -m``."""

from numl_polars.cli import main

if __name__ == "__main__":
    main()
