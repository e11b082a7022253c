"""What a server of our own kind says of its models, beyond what DEEPaaS knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from napari_phenoai.errors import InputError
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply, Text, read_json

if TYPE_CHECKING:
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["OurJob", "OurModel", "OurServer", "our_model", "our_server"]

_Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.-]{0,79}$")]


class OurModel(Reply):
    """A model on a server of ours; its values are the ids of its classes."""

    id: _Id
    classes: dict[int, str] = Field(max_length=254)
    channels: int = Field(gt=0, le=4096)
    dtype: str = Field(max_length=20)
    context_px: int = Field(default=0, ge=0, le=1024)
    weights_sha256: str = Field(default="", max_length=64)


class OurJob(Reply):
    """A training as a server of ours tells of it; ``done`` is the share from 0 to 1."""

    job: _Id
    state: Literal["running", "done", "failed", "lost"] = "running"
    done: float = Field(default=0, ge=0, le=1)
    message: Text = ""
    what: Text = ""
    model: Annotated[str, Field(pattern=r"^[0-9A-Za-z_.-]{0,80}$")] = ""
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    weights: str = Field(default="", max_length=200)
    evaluation: dict[str, Any] | None = None
    curve: list[dict[str, Any]] = Field(default_factory=list, max_length=5000)
    zip_bytes: int = Field(default=0, ge=0, le=8 * 1024**3)
    zip_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    part_bytes: int = Field(default=0, ge=0, le=1024**3)

    @property
    def dice(self) -> float | None:
        """Held-out Dice as measured there."""
        found = (self.evaluation or {}).get("dice")
        return float(found) if isinstance(found, int | float) else None


class OurServer(Reply):
    """A server of ours: its models, its newest trainings, and whether data can come to it."""

    format: int
    default: _Id | None = None
    models: list[OurModel] = Field(max_length=1000)
    jobs: list[OurJob] = Field(default_factory=list, max_length=1000)
    storage: bool = False
    uploads: bool = False


def our_server(client: DeepaasClient, offer: Offer) -> OurServer | None:
    """Return what a server of ours says of itself; None at any other server.

    Raises
    ------
    EndpointError
        If it does not answer.
    """
    if client.endpoint.kind != "deepaas":
        return None
    said = read_json(client.http.get(client.url(f"{offer.path}/")))
    told = said.get("phenoai") if isinstance(said, dict) else None
    if not isinstance(told, dict):
        return None
    try:
        return OurServer.model_validate(told)
    except ValidationError:
        return None


def our_model(
    client: DeepaasClient, offer: Offer, wanted: str = "", rather: str | None = None
) -> OurModel | None:
    """Return the model that predicts at a server of ours; None at any other server.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        What it offers.
    wanted : str
        Id of a model; empty for `rather`, or else the server's usual one.
    rather : str, optional
        Id of a model that is taken where the server has it and none is `wanted`.

    Raises
    ------
    InputError
        If the server has no such model.
    EndpointError
        If it does not answer.
    """
    found = our_server(client, offer)
    if found is None:
        return None
    known_there = any(model.id == rather for model in found.models)
    name = wanted or (rather if known_there else found.default)
    chosen = next((model for model in found.models if model.id == name), None)
    if chosen is None:
        known = ", ".join(model.id for model in found.models) or "none yet"
        what = f"{client.endpoint.name} has no model {plain(name or '', 80)!r}."
        raise InputError(what, hint=f"Its models are: {known}.")
    return chosen
