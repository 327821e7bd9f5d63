"""Writes the custom resource definitions next to this file: ``python deploy/crds/generate.py``."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from submariner_core.api.schema import definition, plural
from submariner_core.api.transport import Kind


def main() -> None:
    """Write one file per kind."""
    yaml = YAML(typ="rt", pure=True)
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.width = 99
    yaml.indent(mapping=2, sequence=4, offset=2)
    for kind in Kind:
        path = Path(__file__).with_name(f"{plural(kind)}.yaml")
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(definition(kind), file)


if __name__ == "__main__":
    main()
