"""Where settings come from: a file, laid over upstream's environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from submariner_core.api.errors import ConfigError
from submariner_core.config.document import Document, Loc
from submariner_core.config.environment import read_environment
from submariner_core.config.problems import config_error
from submariner_core.config.settings import Settings
from submariner_core.config.variables import VARIABLES
from submariner_core.config.yaml import read_yaml


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in ``path`` over those in ``environ``; either may be all there is.

    Raises :class:`ConfigError`, one line per mistake, each with its place.
    """
    return judge(load_document(path, environ))


def load_document(path: Path | None, environ: Mapping[str, str]) -> Document:
    """As :func:`load`, but still with its places; they are not judged yet.

    Hand it to ``loading.load`` too, so that a plugin's own options are placed as well.
    """
    if path is None:
        document = read_environment(environ, None)
        if "cluster_id" not in document.data:
            raise ConfigError(
                "no settings: give a file (--config FILE, check FILE, or SUBMARINER_CONFIG), "
                "or set SUBMARINER_CLUSTERID"
            )
        return document
    file = read_yaml(path)
    return file.over(read_environment(environ, file.data.get("plugins")))


def judge(document: Document) -> Settings:
    """The settings in ``document``. Raises :class:`ConfigError`, one line per mistake."""
    try:
        return Settings.model_validate(document.data)
    except ValidationError as error:
        raise config_error(error, Settings, document, remedy=_variable) from None


def _variable(loc: Loc) -> str:
    names = [variable.name for variable in VARIABLES if variable.loc == loc]
    return f" (or set {names[0]})" if names else ""
