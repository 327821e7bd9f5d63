"""Words a model's errors the way an operator needs them: place, name, what was expected."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from submariner_core.api.errors import ConfigError
from submariner_core.config.document import Document, Loc

_WORDS: Mapping[str, str] = {
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a string; quote it",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "tuple_type": "must be a list, such as [a, b]",
    "list_type": "must be a list, such as [a, b]",
    "mapping_type": "must be a mapping of names to values",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "model_attributes_type": "must be a mapping of names to values",
    "ip_v4_address": "must be an IPv4 address",
    "path_type": "must be a path",
    "value_error": "{error}",
    "assertion_error": "{error}",
}


def config_error(
    error: ValidationError,
    model: type[BaseModel],
    document: Document,
    root: Loc = (),
    remedy: Callable[[Loc], str] = lambda _: "",
) -> ConfigError:
    """One line per mistake, in the order of the model. No line shows a configured value.

    ``root`` is where in the document the model's own part begins. ``remedy`` may add what else
    would supply a value that is missing.
    """
    lines = []
    for one in error.errors(include_url=False, include_input=False):
        loc = (*root, *one["loc"])
        kind = one["type"]
        if kind == "missing":
            lines.append(document.problem(loc, f"is required{remedy(loc)}"))
        elif kind == "extra_forbidden":
            known = tuple(_known(model, one["loc"][:-1]))
            lines.append(document.problem(loc, f"unknown key{nearest(loc[-1], known)}", key=True))
        else:
            lines.append(document.problem(loc, _words(kind, one.get("ctx", {}), one["msg"])))
    return ConfigError("\n".join(lines))


def nearest(name: object, known: Iterable[str]) -> str:
    """``; did you mean 'port'?`` or what there is to choose from."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def _words(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind == "too_short":
        return f"must have at least {context['min_length']}"
    words = _WORDS.get(kind)
    if words is None:
        return message.replace("Input should be", "must be")
    return words.format_map(
        {
            name: f"{value:g}" if isinstance(value, float) else value
            for name, value in context.items()
        }
    )


def _known(model: type[BaseModel], loc: Loc) -> Iterator[str]:
    """Names of the fields of the model at ``loc`` within ``model``."""
    for step in loc:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return
        model = inner
    yield from (field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        found = _model_in(inner)
        if found:
            return found
    return None
