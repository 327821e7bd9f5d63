"""Rows as a table for people or as JSON or YAML for programs, the same in every command."""

from __future__ import annotations

import dataclasses
import enum
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
Row = Mapping[str, object]

FORMATS = ("table", "wide", "json", "yaml")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; ``wide`` ones are shown by ``-o wide`` only.

    ``key`` is the row's; programs get every key of a row, whatever the columns. A list is one
    line with commas, or, for sentences, ``lines``: one below the other.
    """

    key: str
    wide: bool = False
    lines: bool = False

    @property
    def title(self) -> str:
        """``api_version`` as ``API VERSION``."""
        return self.key.replace("_", " ").upper()


def output_option(function: Function) -> Function:
    """Add ``-o table|wide|json|yaml`` as the argument ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print.",
    )(function)


def render(rows: Iterable[Row], columns: Sequence[Column], output: str) -> None:
    """Print ``rows`` to stdout in one of :data:`FORMATS`."""
    if output == "json":
        click.echo(json.dumps([plain(row) for row in rows], indent=2, ensure_ascii=False))
    elif output == "yaml":
        click.echo(_yaml([plain(row) for row in rows]), nl=False)
    else:
        shown = [column for column in columns if output == "wide" or not column.wide]
        click.echo(_table(rows, shown))


def plain(value: object) -> Any:  # noqa: PLR0911 - one per kind of value
    """``value`` in the types that JSON has; addresses, paths and times as text."""
    match value:
        case None | bool() | int() | float() if not isinstance(value, enum.Enum):
            return value
        case enum.Flag():
            return [str(flag.name).lower() for flag in value]
        case enum.Enum():
            return plain(value.value)
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _ if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            return {name: plain(getattr(value, name)) for name in names}
        case _:
            return str(value)


def cell(value: object) -> str:
    """``value`` in a table: ``-`` for nothing, ``yes`` and ``no``, lists with commas."""
    match plain(value):
        case None | "" | []:
            return "-"
        case bool() as truth:
            return "yes" if truth else "no"
        case float() as number:
            return f"{number:g}"
        case list() as values:
            return ", ".join(cell(inner) for inner in values)
        case dict() as pairs:
            return ", ".join(f"{key}={cell(inner)}" for key, inner in pairs.items()) or "-"
        case other:
            return str(other)


def _shown(value: object, column: Column) -> str:
    if column.lines and isinstance(value, list | tuple) and value:
        return "\n".join(cell(inner) for inner in value)
    return cell(value)


def _table(rows: Iterable[Row], columns: Sequence[Column]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for column in columns:
        table.add_column(column.title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(row.get(column.key), column)) for column in columns))
    # a pipe gets every line whole, a terminal's is folded to its width
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100_000
    page = io.StringIO()
    Console(file=page, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _yaml(value: object) -> str:
    from ruamel.yaml import YAML

    page = io.StringIO()
    YAML(typ="rt", pure=True).dump(value, page)
    return page.getvalue()
