"""The value of the option ``--driver`` of this plugin's commands."""

from __future__ import annotations

from importlib.metadata import entry_points

import click


class Drivers(click.ParamType[str]):
    """One cable driver, or several in order, separated by commas; each of them installed."""

    name = "driver"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The value as it is. Fails with a usage error that names what is not installed."""
        installed = sorted(entry_points(group="submariner.cable").names)
        for name in (part.strip() for part in value.split(",")):
            if name not in installed:
                self.fail(
                    f"no cable driver {name!r} is installed; installed: {', '.join(installed)}."
                    f" Perhaps: pip install submariner-{name}",
                    param,
                    ctx,
                )
        return value
