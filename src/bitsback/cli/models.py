"""`bitsback models`: the models that ship with bitsback."""

from __future__ import annotations

from typing import Any

import click

from bitsback.cli import figures, options

_SPEEDS = {"vae": "tens of MB/s with a thread", "context-vae": "a few MB/s with a thread"}


@click.command()
@options.json_option
@options.traceback_option
def command(as_json: bool) -> None:
    """List the models that ship with bitsback.

    An archive names its model by identity, and bitsback keeps every model it has ever released, so
    such an archive needs no copy of it. Other models, made with bitsback[train], are files that you
    give to 'compress -m FILE'.

    Models of the architecture vae are fast. Those of the architecture context-vae, with which each
    pixel depends on those before it, make smaller archives. 'compress --fast' and 'compress --best'
    choose accordingly.

    \b
      bitsback models
      bitsback models --json
    """
    from bitsback.models import bundled

    rows: list[dict[str, Any]] = []
    for name in bundled.names():
        model = bundled.outline(name)
        rows.append(
            {
                "name": model.name,
                "about": model.about,
                "architecture": model.architecture,
                "item_shape": list(model.item_shape),
                "levels": model.levels,
                "latents": model.latents,
                "bytes": bundled.size(name),
                "licence": model.licence,
                "identity": bundled.identity(name).hex(),
            }
        )
    if as_json:
        figures.show_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['name']}\n"
            f"    {row['about']}\n"
            f"    {row['architecture']}: {_SPEEDS[row['architecture']]}\n"
            f"    items of {figures.dimensions(row['item_shape'])}, {row['levels']} levels;"
            f" {row['latents']} latents; {figures.size(row['bytes'])}; {row['licence']}\n"
            f"    identity {row['identity']}"
        )
