"""Help in groups of options, each with a heading. `--help` shows the options that most people need;
`--help-all` shows all, and the part of the command's docstring after a form feed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

_OTHERS = "Other options"
_ALL = "bitsback.help_all"
"""The key in click's context for showing all options."""


def group(
    heading: str, *options: Callable[[Any], Any], rare: bool = False
) -> Callable[[Function], Function]:
    """Options under a heading, in this order. rare: whether only `--help-all` shows them."""

    def add(function: Function) -> Function:
        before = len(getattr(function, "__click_params__", ()))
        for option in reversed(options):
            option(function)
        for added in vars(function)["__click_params__"][before:]:
            vars(added).update(heading=heading, rare=rare)
        return function

    return add


class GroupedCommand(click.Command):
    """A command whose help is in groups, with an option `--help-all`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_all,
                help="Show all options and exit.",
            )
        )

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not ctx.meta.get(_ALL):
            super().format_help_text(ctx, formatter)
            return
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(inspect.cleandoc(self.help or "").replace("\f", ""))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            about = vars(parameter)
            if isinstance(parameter, click.Option) and (
                ctx.meta.get(_ALL) or not about.get("rare")
            ):
                record = parameter.get_help_record(ctx)
                assert record is not None, "no option is hidden"
                groups.setdefault(about.get("heading", _OTHERS), []).append(record)
        groups[_OTHERS] = groups.pop(_OTHERS)  # after all others
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not ctx.meta.get(_ALL):
            formatter.write_paragraph()
            formatter.write_text(f"'{ctx.command_path} --help-all' shows all options.")


def _show_all(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        context.meta[_ALL] = True
        click.echo(context.get_help(), color=context.color)
        context.exit()
