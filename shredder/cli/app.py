"""All commands, gathered. Importing this loads no driver and no numpy: help must be quick."""

from __future__ import annotations

from typing import Annotated

import typer

from shredder.cli import (
    approving,
    attestation,
    certificate,
    destroying,
    disclosing,
    finalizing,
    log,
    looking,
    scrubbing,
    sealing,
    setup,
    validation,
)

app = typer.Typer(
    name="shredder",
    help="Find every copy of a dataset, destroy it, look again, and prove it to a stranger.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for module in (
    setup, looking, approving, destroying, finalizing, attestation, certificate, disclosing, log,
    validation, sealing, scrubbing,
):  # fmt: skip
    module.register(app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"shredder {version('shredder-toolkit')}")
        raise typer.Exit


@app.callback()
def _shredder(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Say which it is."),
    ] = False,
) -> None:
    """Options of no command."""
