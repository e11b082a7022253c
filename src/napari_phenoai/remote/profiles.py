"""Profiles: what has to be known of modules that are not ours, as data and not as code."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from napari_phenoai.core.records import Record
from napari_phenoai.errors import InputError
from napari_phenoai.remote.picture_files import PictureFormat
from napari_phenoai.remote.redaction import plain

if TYPE_CHECKING:
    from napari_phenoai.core.forms import Form
    from napari_phenoai.remote.asking import RemoteSettings
    from napari_phenoai.remote.spec import Offer

__all__ = [
    "Back",
    "Profile",
    "profile_of",
    "profiled",
    "profiles",
    "profiles_folder",
    "read_profile",
]

_MOST_BYTES = 256 * 1024
Value = str | bool | int | float | tuple[str | int | float, ...]
Means = Literal["binary", "order", "ids"]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or not set(path).isdisjoint("\\:"):
        raise ValueError("must be a path inside of the storage")
    return path


Inside = Annotated[str, Field(max_length=300), AfterValidator(_inside)]
"""A path in a storage, which cannot lead out of it."""


class _Module(Record):
    """How a module is recognised: by its name, or by all of these arguments."""

    names: tuple[str, ...] = ()
    predict: tuple[str, ...] = ()
    train: tuple[str, ...] = ()


class _Predict(Record):
    """How it is asked: see `napari_phenoai.remote.asking.RemoteSettings`."""

    picture: str
    send: PictureFormat = "png"
    accept: str | None = None
    values: dict[str, Value] = Field(default_factory=dict)
    model: str = ""


class Back(Record):
    """Where new weights come back.

    Parameters
    ----------
    source : str
        ``output``: the training returns their name; ``metadata``: their name is new in a
        list of what the module says of itself; ``none``: somebody has to see to it.
    key : str
        Name of that value, or of that list.
    file : str
        Where the weights lie in the storage; ``{run}`` stands for their name.
    use : str
        Where somebody has to put them in the storage, for them to be used.
    """

    source: Literal["output", "metadata", "none"] = "none"
    key: str = ""
    file: Inside = ""
    use: Inside = ""


class _Train(Record):
    """How it trains.

    Parameters
    ----------
    layout : str
        ``zip`` of two folders with pictures and masks, or a folder as ``yolo`` wants it.
    put : str
        Where the data go in the storage; ``{set}`` stands for their name.
    images, masks : str
        Folders in a ZIP.
    argument, told : str
        The argument that tells the module where the data are, and what it is told;
        ``{mount}`` stands for `mount`.
    mount : str
        Where the machine of the module sees the storage.
    restart : str
        ``before``: it reads the data only when it starts; ``after``: it offers the new
        weights only when it starts anew; ``none``.
    settings : mapping
        Arguments for ``epochs``, ``learning_rate``, ``batch`` and ``seed``.
    values : mapping
        Of other arguments.
    back : Back
        Where the weights come back.
    """

    layout: Literal["zip", "yolo"] = "zip"
    put: Inside
    images: str = Field(default="images", pattern=r"^[\w-]{1,60}$")
    masks: str = Field(default="masks", pattern=r"^[\w-]{1,60}$")
    argument: str = ""
    told: str = ""
    mount: str = ""
    restart: Literal["none", "before", "after"] = "none"
    settings: dict[Literal["epochs", "learning_rate", "batch", "seed"], str] = Field(
        default_factory=dict
    )
    values: dict[str, Value] = Field(default_factory=dict)
    back: Back = Back()


class Profile(Record):
    """What has to be known of one kind of module.

    Parameters
    ----------
    name : str
        Short; a profile of the user goes before one of the package of the same name.
    title, about : str
        For people.
    means : str
        What the values of its masks mean: ``binary``, 0 is background and all else the
        one class; ``order``, 1 is the first class that is not background; ``ids``.
    module : table
        How the module is recognised.
    predict, train : table or None
        How it is asked and how it trains; None where nothing has to be known.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9-]{1,30}$")
    title: str = Field(default="", max_length=200)
    about: str = Field(default="", max_length=2000)
    means: Means = "ids"
    module: _Module
    predict: _Predict | None = None
    train: _Train | None = None

    def fits(self, offer: Offer) -> bool:
        """Tell whether this is about the module of `offer`."""
        if offer.key.casefold() in {name.casefold() for name in self.module.names}:
            return True
        marks = ((self.module.predict, offer.predict), (self.module.train, offer.train))
        told = [names for names, _ in marks if names]
        return bool(told) and all(_has(form, names) for names, form in marks)

    def asking(self, offer: Offer, settings: RemoteSettings) -> RemoteSettings:
        """Return how the module is asked; what a person has set goes before the profile's."""
        form, own = offer.predict, self.predict
        if own is None or form is None:
            return settings
        known = {field.name for field in form.fields}
        values = {name: value for name, value in own.values.items() if name in known}
        picture = own.picture if own.picture in known else None
        return replace(
            settings,
            values={**values, **settings.values},
            picture_field=settings.picture_field or picture,
            picture=own.send,
            accept=settings.accept or (own.accept if own.accept in form.answers else None),
        )


def profiles_folder() -> Path:
    """Return where a person's own profiles are: among the settings, never in a project."""
    from platformdirs import user_config_path

    return user_config_path("napari-phenoai", appauthor=False) / "profiles"


def profiles(folder: Path | None = None) -> list[Profile]:
    """Return the person's own profiles and those of the package, in this order.

    Parameters
    ----------
    folder : Path, optional
        Of the own ones; by default `profiles_folder`.

    Raises
    ------
    InputError
        If one of the own ones is no profile; names the file.
    """
    place = folder or profiles_folder()
    own = [read_profile(path) for path in sorted(place.glob("*.toml"))]
    names = {profile.name for profile in own}
    return own + [profile for profile in _bundled() if profile.name not in names]


def profile_of(offer: Offer, folder: Path | None = None) -> Profile | None:
    """Return the profile of a module; None where nothing has to be known.

    Raises
    ------
    InputError
        If a profile of the person cannot be read.
    """
    return next((one for one in profiles(folder) if one.fits(offer)), None)


def profiled(offer: Offer, settings: RemoteSettings, folder: Path | None = None) -> RemoteSettings:
    """Return how a module is asked, as its profile wants it, where there is one.

    Raises
    ------
    InputError
        If a profile of the person cannot be read.
    """
    profile = profile_of(offer, folder)
    return settings if profile is None else profile.asking(offer, settings)


def read_profile(path: Path) -> Profile:
    """Read the profile in a TOML file.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
        return Profile.model_validate(tomllib.loads(text.decode()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg']}"
        raise _wrong(path, said) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(path, str(error)) from error


def _wrong(path: Path, said: str) -> InputError:
    hint = "Correct it, or move it away; docs/remote.md tells what a profile holds."
    return InputError(f"{path} is no profile of a module ({plain(said, 200)}).", hint=hint)


@cache
def _bundled() -> tuple[Profile, ...]:
    folder = files("napari_phenoai.remote") / "profile_files"
    found = [item for item in folder.iterdir() if item.name.endswith(".toml")]
    texts = (item.read_text(encoding="utf-8") for item in sorted(found, key=lambda one: one.name))
    return tuple(Profile.model_validate(tomllib.loads(text)) for text in texts)


def _has(form: Form | None, names: tuple[str, ...]) -> bool:
    if not names:
        return True
    return form is not None and set(names) <= {
        *(field.name for field in form.fields),
        *(["accept"] if form.answers else []),
    }
