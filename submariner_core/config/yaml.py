"""Reads a YAML file into a :class:`Document`, refusing what would be read by accident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarbool import ScalarBoolean

from submariner_core.api.errors import ConfigError
from submariner_core.config.document import Document, Loc, Place

MOST_VALUES = 100_000
"""Values that a file may hold, each use of an alias counted: lines of aliases multiply."""


def read_yaml(path: Path) -> Document:
    """The file's values and places. Raises :class:`ConfigError`; no message shows a value."""
    source = str(path)
    text = _read_text(path)
    try:
        # rt keeps line and column of every key and value, and refuses duplicate keys
        root = YAML(typ="rt", pure=True).load(text)
    except YAMLError as error:
        raise ConfigError(_yaml_problem(source, error, text)) from None
    except Exception as error:  # noqa: BLE001 - the library trips over rare syntax in many ways
        raise ConfigError(
            f"{source}: is not YAML that a settings file may hold ({type(error).__name__}); "
            "use plain mappings, lists, strings and numbers"
        ) from None
    if root is None:
        raise ConfigError(f"{source}: is empty; it needs at least cluster_id and plugins")
    if not isinstance(root, CommentedMap):
        raise ConfigError(
            f"{source}:1:1: must be a mapping of settings (cluster_id: …), not {_shape(root)}"
        )
    places: dict[Loc, Place] = {(): Place(f"{source}:1:1", f"{source}:1:1")}
    data = _Reader(source, places).plain((), root)
    return Document(source, data, places)


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; give the path of the settings file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a directory; give the file in it") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}; check owner and mode") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(raw[: error.start].decode("utf-8", "replace"))
        raise ConfigError(f"{path}:{line}:{column}: is not UTF-8; save it as UTF-8") from None


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _shape(value: object) -> str:
    return "a list" if isinstance(value, CommentedSeq) else "a single value"


def _yaml_problem(source: str, error: YAMLError, text: str) -> str:
    if isinstance(error, ReaderError):
        line, column = _position(text[: error.position])
        return f"{source}:{line}:{column}: has an unprintable character; remove it"
    if not isinstance(error, MarkedYAMLError):
        return f"{source}: is not YAML"
    mark = error.problem_mark or error.context_mark
    place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    if isinstance(error, DuplicateKeyError):
        # the library's own message quotes both values, which may be secrets
        key = (
            text.splitlines()[mark.line][mark.column :].split(":")[0].strip(" \"'") if mark else ""
        )
        return f"{place}: duplicate key {key!r}; keep one of them"
    problem = error.problem or "is not YAML"
    if "\\t" in problem:
        return f"{place}: a tab cannot indent; use spaces"
    if "another document" in problem:
        return f"{place}: a second document starts here; a settings file holds one"
    context = f"{error.context}: " if error.context else ""
    return f"{place}: {context}{problem}"


class _Reader:
    """Turns the library's values into plain ones and notes where each stood."""

    def __init__(self, source: str, places: dict[Loc, Place]) -> None:
        self._source = source
        self._places = places
        self._above: list[int] = []
        self._count = 0

    def plain(self, loc: Loc, value: Any) -> Any:
        """``value`` in plain types; places of everything below are noted."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise self._error(loc, "too many values; are there aliases of aliases?")
        if isinstance(value, TaggedScalar):
            raise self._error(loc, f"the tag {value.tag.value} means nothing here; remove it")
        if not isinstance(value, (CommentedMap, CommentedSeq)):
            return _scalar(value)
        if id(value) in self._above:
            raise self._error(loc, "contains itself; remove the alias")
        self._above.append(id(value))
        try:
            if isinstance(value, CommentedSeq):
                return [self._item(value, loc, index) for index in range(len(value))]
            return dict(self._entries(value, loc))
        finally:
            self._above.pop()

    def _item(self, parent: CommentedSeq, loc: Loc, index: int) -> Any:
        row = parent.lc.data.get(index) if parent.lc.data else None
        if row is not None:
            place = self._at(row[0], row[1])
            self._places[(*loc, index)] = Place(place, place)
        return self.plain((*loc, index), parent[index])

    def _entries(self, parent: CommentedMap, loc: Loc) -> Iterator[tuple[str, Any]]:
        for key in parent:
            row = parent.lc.data.get(key) if parent.lc.data else None  # None: merged from an alias
            if row is not None:
                self._places[(*loc, str(key))] = Place(
                    value=self._at(row[2], row[3]), key=self._at(row[0], row[1])
                )
            if not isinstance(key, str):
                raise self._error((*loc, str(key)), "a key must be a string; quote it", key=True)
            yield str(key), self.plain((*loc, str(key)), parent[key])

    def _at(self, line: int, column: int) -> str:
        return f"{self._source}:{line + 1}:{column + 1}"

    def _error(self, loc: Loc, message: str, *, key: bool = False) -> ConfigError:
        document = Document(self._source, {}, self._places)
        return ConfigError(document.problem(loc, message, key=key))


def _scalar(value: Any) -> Any:
    # the library's own number and string types remember their notation; models want the plain ones
    if isinstance(value, (bool, ScalarBoolean)):
        return bool(value)
    for plain in (int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return value
