"""``submariner completion``: the script that teaches a shell to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  submariner completion bash > /etc/bash_completion.d/submariner
    zsh:   submariner completion zsh > "${fpath[1]}/_submariner"
    fish:  submariner completion fish > ~/.config/fish/completions/submariner.fish
    """  # noqa: D301 - click wants the character itself
    from submariner_core.cli.main import main

    found = get_completion_class(shell)
    assert found is not None, shell
    click.echo(found(main, {}, "submariner", "_SUBMARINER_COMPLETE").source())
