"""Where settings come from: a file, laid over upstream's environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from submariner_core.api.errors import ConfigError
from submariner_core.config.document import Document
from submariner_core.config.environment import read_environment
from submariner_core.config.settings import Settings
from submariner_core.config.yaml import read_yaml


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in ``path`` over those in ``environ``; either may be all there is.

    Raises :class:`ConfigError`, one line per mistake, each with its place.
    """
    return load_document(path, environ).settings


def load_document(path: Path | None, environ: Mapping[str, str]) -> Document:
    """As :func:`load`, but still with its places; its ``settings`` are not judged yet.

    Hand it to ``loading.load`` too, so that a plugin's own options are placed as well.
    """
    if path is None:
        document = read_environment(environ, None)
        if "cluster_id" not in document.data:
            raise ConfigError("no settings: give --config FILE, or set SUBMARINER_CLUSTERID")
        return document
    file = read_yaml(path)
    return file.over(read_environment(environ, file.data.get("plugins")))
