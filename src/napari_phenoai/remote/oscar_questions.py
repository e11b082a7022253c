"""What OSCAR clusters are asked: the form of a service, its arguments, its refusals."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from napari_phenoai.core.forms import Form, FormField
from napari_phenoai.errors import EndpointError, FieldsError, RefusedError
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.problems import refusal
from napari_phenoai.remote.profiles import profile_of
from napari_phenoai.remote.spec import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.remote.oscar_replies import Service
    from napari_phenoai.remote.transport import Answer
    from napari_phenoai.remote.upload import Upload

__all__ = ["beside", "offer_of", "question", "refused"]

_EVENTS = frozenset({"event", "event_type", "Records", "httpMethod"})
"""Names that make a cluster take a question for something else."""
_MORE = "arguments"


def offer_of(service: Service) -> Offer:
    """Return a service as a model: a cluster does not tell what it takes, a profile may."""
    bare = Offer(service.name, f"/system/services/{quote(service.name)}", Form(()))
    profile = profile_of(bare)
    known = profile.predict if profile else None
    picture = known.picture if known else "image"
    fields = [FormField(picture, "file", required=True, is_picture=True, place="formData")]
    fields += [FormField(name, "raw") for name in (known.values if known else ())]
    help_text = "Other arguments of the module, as JSON: a cluster does not tell them."
    fields.append(FormField(_MORE, "raw", help=help_text))
    return Offer(bare.key, bare.path, Form(tuple(fields)))


def question(values: Mapping[str, object], files: Mapping[str, Upload]) -> bytes:
    """Return what a service is asked, as JSON: arguments by name, files in base64.

    Parameters
    ----------
    values : mapping
        Arguments of the module; lists travel as text, those left out keep its own values.
    files : mapping of str to Upload
        By argument.

    Raises
    ------
    FieldsError
        If the other arguments are no JSON object, or one has a name that a cluster
        misunderstands.
    """
    sent = []
    for name, upload in files.items():
        with upload.opened() as file:
            data = base64.b64encode(file.read()).decode()
        ending = upload.name.rpartition(".")[2]
        sent.append({"key": name, "file_format": ending, "data": data})
    arguments = {
        name: json.dumps(value) if isinstance(value, list | tuple | dict) else value
        for name, value in _arguments(values).items()
        if value is not None
    }
    return json.dumps({**arguments, "oscar-files": sent}).encode()


def _arguments(values: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a module, those written as JSON among them.

    Raises
    ------
    FieldsError
        If they are no JSON object, or one has a name that a cluster misunderstands.
    """
    found = {name: value for name, value in values.items() if name != _MORE}
    more = values.get(_MORE)
    if more:
        try:
            told = json.loads(more) if isinstance(more, str) else more
        except ValueError:
            told = None
        if not isinstance(told, dict):
            said = 'Must be JSON such as {"threshold": 0.5}.'
            raise FieldsError(said, hint="Correct it.", fields={_MORE: (said,)})
        found |= told
    wrong = sorted(_EVENTS & set(found))
    if wrong:
        said = "A cluster takes an argument of this name for an event."
        raise FieldsError(said, hint="Leave it out.", fields={wrong[0]: (said,)})
    return found


def refused(answer: Answer) -> EndpointError:
    """Return the error for an answer of a cluster that is no success.

    Parameters
    ----------
    answer : Answer
        A login that has ended shows as a service that is not there.
    """
    if answer.status == HTTPStatus.NOT_FOUND:
        what = f"{shown(answer.url)} has no such service, or the login has ended (404)."
        return RefusedError(what, hint="Log in again, and look at the services it lists.")
    if answer.status == HTTPStatus.BAD_REQUEST:
        what = f"{shown(answer.url)} does not take this login or name (400)."
        hint = "Log in with an issuer that the cluster knows: ask who runs it."
        return RefusedError(what, hint=hint)
    return refusal(
        answer.url, answer.status, answer.text[:2000], is_html="html" in answer.media_type
    )


def beside(url: str, base: str) -> bool:
    """Tell whether two hosts belong together: equal, or alike but for the first part."""
    hosts = [urlsplit(one).hostname or "" for one in (url, base)]
    return hosts[0] == hosts[1] or hosts[0].partition(".")[2] == hosts[1].partition(".")[2] != ""
