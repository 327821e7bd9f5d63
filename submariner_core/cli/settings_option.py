"""``--config``, the same in every command that needs settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def config_option(function: Function) -> Function:
    """Add ``--config FILE`` as the argument ``config`` (``None``: upstream's environment)."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="SUBMARINER_CONFIG",
        show_envvar=True,
        help="The YAML file; without it, upstream's environment variables are used.",
    )(function)
