"""A folder for bundles on a server of our own, which takes them inside of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from napari_phenoai.errors import AnswerError, RefusedError
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply, Text, read_json
from napari_phenoai.remote.upload import Upload

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["ServerShelf", "said"]

_JSON = "application/json"
_SECONDS = 120.0
_Bytes = Annotated[int, Field(ge=0)]


class _Said(Reply):
    status: Text = ""
    message: Text = ""
    files: dict[str, _Bytes] = Field(default_factory=dict, max_length=100_000)
    bytes: int = -1


class ServerShelf:
    """The folder of a project's bundles on a server; as `napari_phenoai.core.places.Place`.

    Nothing can be read back from it.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        Our module there.
    folder : str
        Such as ``bundles/field``.
    """

    def __init__(self, client: DeepaasClient, offer: Offer, folder: str = "") -> None:
        self._client, self._offer, self._folder = client, offer, folder
        self._sizes: dict[str, int] | None = None

    def inside(self, wanted: str) -> ServerShelf:
        """Return the folder `wanted` in this one."""
        return ServerShelf(self._client, self._offer, f"{self._folder}/{wanted}".strip("/"))

    def put(self, name: str, data: bytes) -> None:
        """Send a file.

        Raises
        ------
        RefusedError
            If the server does not take it.
        EndpointError
            If it does not answer.
        """
        upload = Upload("file", data, "application/octet-stream")
        told = self._asked({"keep": f"{self._folder}/{name}"}, {"image": upload})
        if told.bytes != len(data):
            hint = "Run the same again: only what is missing is sent."
            raise AnswerError(f"{name} did not arrive whole.", hint=hint)
        if self._sizes is not None:
            self._sizes[name] = len(data)

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has; all are asked for at once, at the first time.

        Raises
        ------
        EndpointError
            If the server does not answer.
        """
        if self._sizes is None:
            self._sizes = dict(self._asked({"keep": self._folder}, {}).files)
        return self._sizes.get(name)

    def get(self, name: str, most_bytes: int) -> bytes:  # noqa: ARG002
        """Raise: the server gives nothing of it back."""
        self._refuse(name)

    def fetch(self, name: str, target: Path, size: int) -> None:  # noqa: ARG002
        """Raise: the server gives nothing of it back."""
        self._refuse(name)

    def __repr__(self) -> str:
        return f"The shelf of {self._client.endpoint.name}"

    def _refuse(self, name: str) -> NoReturn:
        hint = "The files are in the project that it was sent from."
        raise RefusedError(f"{self} does not give {name} back.", hint=hint)

    def _asked(self, values: dict[str, object], files: dict[str, Upload]) -> _Said:
        answer = self._client.predict(self._offer, files, values, accept=_JSON, seconds=_SECONDS)
        return _Said.model_validate(said(read_json(answer), self._client.endpoint.name))


def said(told: object, server: str) -> dict[str, Any]:
    """Return what a module of ours answered.

    Raises
    ------
    RefusedError
        If it has refused; with its reason.
    AnswerError
        If it is nothing of ours.
    """
    if isinstance(told, dict) and isinstance(told.get("predictions"), dict):
        told = told["predictions"]
    if not isinstance(told, dict):
        raise AnswerError(f"{server} does not answer as expected.", hint="Update one of the two.")
    if told.get("status") == "error":
        text = plain(str(told.get("message") or "It gives no reason."), 500)
        raise RefusedError(f"{server} refuses: {text}", hint="Ask its owner.")
    return told
