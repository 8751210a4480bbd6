"""`bitsback models`: list the bundled models."""

from __future__ import annotations

from typing import Any

import click

from bitsback.cli import figures, options


@click.command()
@options.json_option
@options.traceback_option
def command(as_json: bool) -> None:
    """List the models that ship with bitsback.

    'compress' chooses one by itself; 'compress -m NAME' uses the one that you name. An archive
    refers to a bundled model by its identity, because every later release keeps the model. The
    models that 'bitsback train' makes are files, for 'compress -m FILE'.

    The speeds are of archives on one core, compressing and restoring, as they were measured once
    ('python benchmarks/model_speeds.py').

    Models that code an image as a whole are fast. Autoregressive models, where each pixel depends
    on those before it, make smaller archives. 'compress --fast' chooses among the fast
    models, 'compress --best' the smallest archive. The universal models code images of any size and
    kind: universal, or universal-fast with 'compress --fast'; universal-16 where there are more
    than 256 levels.

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
                "code": [str(step) for step in model.code],
                "autoregressive": model.autoregressive,
                "speeds": bundled.speeds()[name],
                "item_shape": list(model.item_shape) if model.item_shape else None,
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
            f"    {', '.join(row['code'])}: {' / '.join(map(bundled.shown, row['speeds']))} million"
            " samples a second\n"
            f"    {_items(row)}; {row['latents'] or 'no'} latents;"
            f" {figures.size(row['bytes'])}; {row['licence']}\n"
            f"    identity {row['identity']}"
        )


def _items(row: dict[str, Any]) -> str:
    if row["item_shape"] is None:
        return f"images and stacks of any size, up to {row['levels']:,} levels"
    return f"items of {figures.dimensions(row['item_shape'])}, {row['levels']} levels"
