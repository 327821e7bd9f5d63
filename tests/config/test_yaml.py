"""What is refused in a settings file, and where it says so."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.config.yaml import read_yaml


def refusal(folder: Path, text: str | bytes) -> str:
    path = folder / "g.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "g.yaml:3:1: duplicate key 'a'; keep one of them"),
        ("a: {b: 1, 'b': 2}\n", "g.yaml:1:11: duplicate key 'b'; keep one of them"),
        ("a:\n\tb: 1\n", "g.yaml:2:1: a tab cannot indent; use spaces"),
        (
            "a: [1\n",
            "g.yaml:2:1: while parsing a flow sequence: expected ',' or ']', but got",
        ),
        ("a: 1\n---\nb: 2\n", "g.yaml:2:1: a second document starts here; a settings file"),
        ("a: *b\n", "g.yaml:1:4: found undefined alias 'b'"),
        ("&a {b: *a}\n", "g.yaml:1:1: b: contains itself; remove the alias"),
        ("a: !env B\n", "g.yaml:1:4: a: the tag !env means nothing here; remove it"),
        ("a:\n  1: x\n", "g.yaml:2:3: a.1: a key must be a string; quote it"),
        ("a: \x07\n", "g.yaml:1:4: has an unprintable character; remove it"),
        (b"ab: 1\nc: \xff\n", "g.yaml:2:4: is not UTF-8; save it as UTF-8"),
        ("", "g.yaml: is empty; it needs at least cluster_id and plugins"),
        ("# nothing\n", "g.yaml: is empty"),
        ("- a\n", "g.yaml:1:1: must be a mapping of settings (cluster_id: …), not a list"),
        ("words\n", "g.yaml:1:1: must be a mapping of settings (cluster_id: …), not a single"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_a_duplicate_key_does_not_show_its_values(tmp_path: Path) -> None:
    message = refusal(tmp_path, "options:\n  broker:\n    token: s3cret\n    token: s3cret2\n")
    assert message == "g.yaml:4:5: duplicate key 'token'; keep one of them"


def test_a_missing_file_and_a_folder_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; give the path"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a directory; give the file in it"):
        read_yaml(tmp_path)


def test_a_file_behind_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x: 1\n")
    with pytest.raises(ConfigError, match=r"cannot be read: Not a directory; check owner"):
        read_yaml(tmp_path / "a" / "b")


def test_values_are_plain_and_every_one_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(
        "\ufeffa: {b: [10, 0x10, 1.5]}\nyes: &t true\nno: on\nagain: *t\ntext: |\n  line\n"
        "base: &base {x: 1}\nmore:\n  <<: *base\n  y: ~\n"
    )
    document = read_yaml(path)
    assert document.data == {
        "a": {"b": [10, 16, 1.5]},
        "yes": True,
        "no": "on",
        "again": True,
        "text": "line\n",
        "base": {"x": 1},
        "more": {"x": 1, "y": None},
    }
    assert type(document.data["a"]["b"][1]) is int
    assert document.data["yes"] is True
    assert document.locate(("a", "b", 1)) == f"{path}:1:13"
    assert document.locate(("a", "b"), key=True) == f"{path}:1:5"
    assert document.locate(("a", "c")) == f"{path}:1:1"  # what is missing: at what lacks it
    assert document.locate(("nowhere",)) == f"{path}:1:1"
    assert document.locate(("more", "x")) == f"{path}:8:1"


def test_a_document_never_shows_its_values(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("token: s3cret\n")
    assert "s3cret" not in repr(read_yaml(path))


@pytest.mark.parametrize(
    "text",
    [
        "%YAML 1.9\n---\na: 1\n",
        "a: !x/y 1\n",
        "a: 2001-99-99\n",
        "[1]: 2\n",
        f"a: {'9' * 5000}\n",
        f"a: {'[' * 5000}{']' * 5000}\n",
    ],
    ids=["directive", "tag", "date", "key", "number", "depth"],
)
def test_what_the_yaml_library_trips_over_is_refused_in_one_line(
    tmp_path: Path, text: str
) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith("g.yaml:")
    assert "\n" not in message


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x]"]
    for below, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{below}'] * 8)}]")
    message = refusal(tmp_path, "\n".join(lines))
    assert "aliases" in message
    assert message.startswith("g.yaml:")
