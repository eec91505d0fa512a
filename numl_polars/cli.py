"""The command ``numl-polars``: its subcommands."""

import click

from numl_polars.command import command_line
from numl_polars.commands.concat import concat
from numl_polars.commands.index import index
from numl_polars.commands.show import show
from numl_polars.commands.simulate import simulate
from numl_polars.commands.training_files import convert, describe, merge
from numl_polars.commands.validate import validate
from numl_polars.process import process_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="numl-polars")
def cli() -> None:
    """From NuML neutrino event files to labelled training objects."""


for command in (simulate, validate, show, index, concat, process_command, merge, convert, describe):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    command_line(cli)


if __name__ == "__main__":
    main()
