"""Which key does what, once a person has chosen some: read, compared, and refused with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_phenoai.ui.keys import Key

__all__ = ["parse_key", "settle_keys"]

_MODIFIERS = {
    "control": "Control",
    "ctrl": "Control",
    "alt": "Alt",
    "option": "Alt",
    "shift": "Shift",
    "meta": "Meta",
    "super": "Meta",
    "cmd": "Meta",
    "command": "Meta",
}
_ORDER = ("Control", "Alt", "Shift", "Meta")
_NAMED = (
    *("Enter", "Escape", "Backspace", "Delete", "Insert", "Tab", "Space", "Home", "End"),
    *("PageUp", "PageDown", "Left", "Right", "Up", "Down", *(f"F{n}" for n in range(1, 13))),
)
_NAMES = {name.lower(): name for name in _NAMED} | {
    "return": "Enter",
    "esc": "Escape",
    "bksp": "Backspace",
    "del": "Delete",
    "ins": "Insert",
    "pgup": "PageUp",
    "pgdown": "PageDown",
}
_SIGNS = "[]\\-=,./;'`"
_HELD = re.compile(rf"({'|'.join(_MODIFIERS)})\s*[-+]\s*(?=.)", re.IGNORECASE)
_LIKE = "Write one key, such as Z, Shift-Z, Control-K, F5 or PageUp; leave it empty for none."


def parse_key(text: str) -> str:
    """Return a key as napari writes it, from how a person writes it.

    Parameters
    ----------
    text : str
        A letter, a digit, a sign or the name of a key, after ``Control``, ``Alt``,
        ``Shift`` or ``Meta`` where they are held; empty for none.

    Raises
    ------
    InputError
        The key is not known, or would not arrive as it is written.

    Examples
    --------
    >>> parse_key("shift+z"), parse_key(" Ctrl-page up "), parse_key("")
    ('Shift-Z', 'Control-PageUp', '')
    """
    rest, held = text.strip(), set()
    while found := _HELD.match(rest):
        held.add(_MODIFIERS[found[1].lower()])
        rest = rest[found.end() :]
    name = _name(rest)
    if name is None:
        if not text.strip():
            return ""
        raise InputError(f"{text.strip()!r} is not a key that is known here.", hint=_LIKE)
    if "Shift" in held and len(name) == 1 and not name.isalpha():
        raise InputError(
            f"{text.strip()!r} cannot be used: with Shift, {name} is another sign.",
            hint="Use Shift with letters and named keys only, such as Shift-Z or Shift-F5.",
        )
    return "-".join([*(item for item in _ORDER if item in held), name])


def _name(rest: str) -> str | None:
    if len(rest) == 1:
        known = rest in _SIGNS or (rest.isascii() and rest.isalnum())
        return rest.upper() if known else None
    return _NAMES.get(re.sub(r"[\s_]", "", rest).lower())


def settle_keys(
    keys: Sequence[Key], wanted: Mapping[str, str], taken: Mapping[str, str]
) -> tuple[dict[str, str], list[InputError]]:
    """Return the key of each action, and why some of those that are wanted were refused.

    An action whose key is refused has its own key, as in `keys`. Two actions may
    exchange their keys.

    Parameters
    ----------
    keys : sequence of Key
        All actions with their own keys, no two of them the same.
    wanted : mapping of str to str
        What a person chose, by action; an action that is left out keeps its own key.
    taken : mapping of str to str
        Keys that cannot be chosen, with what they do.

    Returns
    -------
    dict of str to str
        The key by action, empty for none.
    list of InputError
        One for each choice that was refused.
    """
    chosen: dict[str, str] = {}
    refused: list[InputError] = []
    for key in keys:
        try:
            chosen[key.action] = parse_key(wanted.get(key.action, key.key))
        except InputError as error:
            chosen[key.action] = key.key
            refused.append(_named(error, key))
    while (double := _double(keys, chosen, taken)) is not None:
        key, user = double
        what = f"The key {chosen[key.action]} for “{key.text}” is used already: {user}."
        chosen[key.action] = key.key
        refused.append(InputError(what, hint=f"{_kept(key)} Choose another, or free that one."))
    return chosen, refused


def _double(
    keys: Sequence[Key], chosen: Mapping[str, str], taken: Mapping[str, str]
) -> tuple[Key, str] | None:
    """Return the last action that was given a key of another one, and what that does."""
    for key in reversed(keys):
        mine = chosen[key.action]
        if not mine or mine == key.key:
            continue
        if mine in taken:
            return key, taken[mine]
        for other in keys:
            if other is not key and chosen[other.action] == mine:
                return key, other.text
    return None


def _named(error: InputError, key: Key) -> InputError:
    return InputError(f"Key for “{key.text}”: {error.what}", hint=f"{_kept(key)} {error.hint}")


def _kept(key: Key) -> str:
    return f"It stays {key.printed}."
