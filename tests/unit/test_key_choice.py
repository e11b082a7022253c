"""The table of keys: what a person may write, what is refused, and what the manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from npe2 import PluginManifest

from napari_phenoai.errors import InputError
from napari_phenoai.ui.handtools.status import closing_words, plain_words
from napari_phenoai.ui.key_choice import parse_key
from napari_phenoai.ui.keys import CLASS_KEYS, IN_FORCE, KEYS, KeyTable, key_of, key_or, with_key

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = Path(__file__).parents[2] / "src" / "napari_phenoai" / "napari.yaml"
OWN = (*KEYS, *CLASS_KEYS)


@pytest.fixture
def table() -> KeyTable:
    return KeyTable()


@pytest.fixture
def in_force() -> Iterator[KeyTable]:
    yield IN_FORCE
    IN_FORCE.choose({})


def test_the_manifest_offers_every_action_with_its_key() -> None:
    page = PluginManifest.from_file(MANIFEST).contributions.configurations["keyboard"]
    offered = {
        name: (item.type, item.title, item.default) for name, item in page.properties.items()
    }
    assert offered == {f"key_{key.action}": ("string", key.text, key.key) for key in OWN}


def test_every_own_key_is_written_as_it_is_read() -> None:
    assert [parse_key(key.key) for key in OWN] == [key.key for key in OWN]
    assert len({key.key for key in OWN}) == len(OWN)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", ""),
        ("  ", ""),
        ("z", "Z"),
        ("shift+z", "Shift-Z"),
        ("Shift-Ctrl-k", "Control-Shift-K"),
        ("Cmd + Alt + F5", "Alt-Meta-F5"),
        ("return", "Enter"),
        ("esc", "Escape"),
        ("page up", "PageUp"),
        ("-", "-"),
        ("ctrl--", "Control--"),
        ("Ctrl+=", "Control-="),
        ("7", "7"),
    ],
)
def test_keys_are_understood_as_people_write_them(text: str, key: str) -> None:
    from napari.utils.key_bindings import coerce_keybinding

    assert parse_key(text) == key
    if key:
        assert "Unknown" not in str(coerce_keybinding(key))
        assert str(coerce_keybinding(key)), "napari knows it"


@pytest.mark.parametrize("text", ["foo", "ZZ", "é", "Shift-", "Ctrl+", "F13", "Hyper-Z", "!", "+"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a key") as caught:
        parse_key(text)
    assert "Shift-Z" in caught.value.hint


@pytest.mark.parametrize("text", ["Shift-1", "shift+=", "Ctrl-Shift-,"])
def test_shift_with_a_sign_is_another_sign(text: str) -> None:
    with pytest.raises(InputError, match="another sign"):
        parse_key(text)


def _key(table: KeyTable, action: str) -> str:
    return next(key.key for key in table.keys if key.action == action)


def test_a_key_is_chosen_and_another_given_up(table: KeyTable) -> None:
    heard: list[int] = []
    table.changed.connect(lambda: heard.append(1))
    assert table.choose({"accept": "shift+f5", "skip": "", "class_1": "F6"}) == []
    assert (_key(table, "accept"), _key(table, "skip"), _key(table, "class_1")) == (
        "Shift-F5",
        "",
        "F6",
    )
    assert _key(table, "reject") == "X"
    assert table.printed("accept") == "Shift+F5"
    assert len(heard) == 1
    assert table.choose({"accept": "Shift-F5", "skip": "", "class_1": "F6"}) == []
    assert len(heard) == 1, "nothing changed"
    table.choose({})
    assert [key.key for key in table.keys] == [key.key for key in OWN]


def test_what_cannot_be_read_leaves_the_own_key(table: KeyTable) -> None:
    (error,) = table.choose({"accept": "Hyper-Q", "flag": "F7"})
    assert _key(table, "accept") == "Enter"
    assert _key(table, "flag") == "F7", "the others are taken"
    assert "Accept, or save the correction" in error.what
    assert "Hyper-Q" in error.what
    assert "stays Enter" in error.hint


def test_a_double_is_refused_and_names_the_other(table: KeyTable) -> None:
    (error,) = table.choose({"accept": "s"})
    assert _key(table, "accept") == "Enter"
    assert _key(table, "skip") == "S"
    assert "used already: Skip" in error.what

    (error,) = table.choose({"accept": "F5", "flag": "F5"})
    assert (_key(table, "accept"), _key(table, "flag")) == ("F5", "F")
    assert "used already: Accept" in error.what


def test_a_double_that_falls_back_can_make_another(table: KeyTable) -> None:
    refused = table.choose({"accept": "S", "skip": "Q"})
    assert [key.key for key in table.keys] == [key.key for key in OWN]
    assert len(refused) == 2


def test_two_actions_may_exchange_their_keys(table: KeyTable) -> None:
    assert table.choose({"accept": "S", "skip": "Enter"}) == []
    assert (_key(table, "accept"), _key(table, "skip")) == ("S", "Enter")
    assert table.choose({"skip": "", "accept": "S"}) == [], "a key that was given up is free"


@pytest.mark.parametrize("key", ["Space", "0", "Ctrl+Z", "Ctrl+Shift+Z", "Tab"])
def test_some_keys_are_not_to_be_had(table: KeyTable, key: str) -> None:
    (error,) = table.choose({"accept": key})
    assert _key(table, "accept") == "Enter"
    assert "used already" in error.what


def test_sentences_name_the_key_in_force(in_force: KeyTable) -> None:
    assert closing_words() == "Enter or a double click closes it"
    in_force.choose({"accept": "F5", "drop": ""})
    assert closing_words() == "F5 or a double click closes it"
    assert plain_words("polygon") == "Polygon: click the corners, F5 closes it"
    assert with_key("Forget it", "drop") == "Forget it"
    assert (key_of("drop"), key_or("drop", "Drop")) == ("", "Drop")
    in_force.choose({"class_1": "ctrl--"})
    assert key_of("class_1") == "Ctrl+-"
