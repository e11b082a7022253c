"""The list of modules that the AI4OS platform offers; no login is needed to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from napari_phenoai.errors import AnswerError, InputError, RefusedError, ServerFailedError
from napari_phenoai.remote.addresses import base_url, shown
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply, Text, parsed, read_json
from napari_phenoai.remote.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_phenoai.remote.transport import Answer

__all__ = ["AI4OS", "Catalogue", "CatalogueModule"]

AI4OS = "https://api.cloud.ai4eosc.eu"
_MODULES = "/v1/catalog/modules"


def _words(value: object) -> object:
    return [plain(item, 80) for item in value[:100]] if isinstance(value, list) else []


def _links(value: object) -> object:
    if not isinstance(value, dict):
        return {}
    return {plain(name, 40): plain(link, 500) for name, link in list(value.items())[:40] if link}


Words = Annotated[list[str], BeforeValidator(_words)]


class CatalogueModule(Reply):
    """A module as its author describes it; anything may be missing."""

    id: Text = ""
    name: Text = ""
    title: Text = ""
    summary: Text = ""
    description: Annotated[str, BeforeValidator(lambda text: plain(text or "", 4000))] = ""
    license: Text = ""
    tags: Words = Field(default_factory=list)
    tasks: Words = Field(default_factory=list)
    categories: Words = Field(default_factory=list)
    libraries: Words = Field(default_factory=list)
    data_type: Words = Field(default_factory=list, alias="data-type")
    links: Annotated[dict[str, str], BeforeValidator(_links)] = Field(default_factory=dict)

    @property
    def is_broken(self) -> bool:
        """Whether the platform could not read what the author wrote."""
        return "invalid metadata" in self.tags


class Catalogue:
    """Asks a marketplace which modules there are.

    Parameters
    ----------
    url : str
        Of the platform's API.
    ca_file : Path, optional
        Certificates to trust in place of the usual ones.
    """

    def __init__(self, url: str = AI4OS, ca_file: Path | None = None) -> None:
        self._base = base_url(url)
        self._http = Transport(self._base, ca_file=ca_file)

    def modules(self) -> list[CatalogueModule]:
        """Return summaries of all modules.

        Raises
        ------
        EndpointError
            If there is no answer, or one that does not fit.
        """
        found = self._get(f"{_MODULES}/detail")
        data = read_json(found)
        if not isinstance(data, list):
            raise _misfit(found, data)
        return [CatalogueModule.model_validate(item) for item in data if isinstance(item, dict)]

    def module(self, name: str) -> CatalogueModule:
        """Return what is known of the module `name`.

        Raises
        ------
        InputError
            If there is none of that name.
        EndpointError
            If there is no answer, or one that does not fit.
        """
        try:
            found = self._get(f"{_MODULES}/{quote(name, safe='')}/metadata")
        except RefusedError as error:
            hint = "The Marketplace page, or phenoai endpoints catalogue, lists all names."
            raise InputError(
                f"There is no module {plain(name, 80)}. {error.what}", hint=hint
            ) from error
        data = read_json(found)
        if not isinstance(data, dict) or data.get("status") == "fail":
            raise _misfit(found, data)
        module = parsed(found, CatalogueModule)
        return module.model_copy(update={"name": module.name or plain(name, 80)})

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _get(self, path: str) -> Answer:
        return self._http.get(self._base + path)


def _misfit(answer: Answer, data: object) -> AnswerError | ServerFailedError:
    said: Mapping[str, object] = data if isinstance(data, dict) else {}
    reason = said.get("error_msg") or said.get("detail") or said.get("message")
    if reason:
        text = f"{shown(answer.url)} reports a failure: {plain(reason)}"
        return ServerFailedError(text, hint="Try again later.")
    hint = "Check the address of the platform."
    return AnswerError(f"{shown(answer.url)} sent no list of modules.", hint=hint)
