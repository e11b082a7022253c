"""Trainings on a DEEPaaS server: started once, looked at, cancelled.

Such a training lives in the memory of its server: it is gone when that starts anew, and its
id is the only handle.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from napari_phenoai.errors import (
    EndpointError,
    LostAnswerError,
    NoAnswerError,
    RefusedError,
)
from napari_phenoai.remote.problems import refusal
from napari_phenoai.remote.replies import Training, parsed
from napari_phenoai.remote.transport import Limits
from napari_phenoai.remote.wire import encoded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["RunState", "TrainingState", "cancel", "known_ids", "look", "started", "submit"]

TrainingState = Literal["running", "done", "failed", "cancelled", "lost", "unreadable"]

_SUBMIT = Limits(read_seconds=30)
_ASK = Limits()
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_STATES: Mapping[str, TrainingState] = {
    "running": "running",
    "done": "done",
    "completed": "done",
    "error": "failed",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class RunState:
    """How a training is.

    Parameters
    ----------
    state : str
        ``running``, also while it waits for its turn; ``done``; ``failed``;
        ``cancelled``; ``lost``, when the server does not know it any more;
        ``unreadable``, when it has ended and the server cannot tell its result.
    message : str
        What the server or the model says of it, as plain text.
    output : object
        What a finished training returned, as JSON holds it.
    """

    state: TrainingState
    message: str = ""
    output: object = None


def submit(client: DeepaasClient, offer: Offer, values: Mapping[str, object]) -> Training:
    """Start a training; the request is never sent twice.

    If the connection breaks before the answer came, the list of trainings is looked at: the
    one new entry with the same values is the one.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The model.
    values : mapping of str to object
        Of the form's fields; those left out keep the server's own values.

    Returns
    -------
    Training
        With the id by which it is asked for.

    Raises
    ------
    RefusedError
        If the model does not train there, or wants its data as a file in the request:
        DEEPaaS takes such a file and then always fails.
    FieldsError
        If a value is wrong.
    LostAnswerError
        If nobody knows whether it has started.
    EndpointError
        If it has not.
    """
    if offer.train is None:
        name = client.endpoint.name
        hint = f"The Servers dock, or phenoai endpoints show {name}, lists what it offers."
        raise RefusedError(f"{offer.key} does not train at this server.", hint=hint)
    needed = [item.name for item in offer.train.files if item.required]
    if needed:
        what = f"{offer.key} wants the file {needed[0]} with the request, which DEEPaaS cannot do."
        raise RefusedError(what, hint="Ask its owner for a way through a storage.")
    sendable = encoded(offer.train, values)
    before = _listed(client, offer)
    data = list(sendable.texts) or None
    try:
        answer = client.http.post(
            client.url(f"{offer.path}/train/"),
            accept=sendable.accept,
            params=sendable.query,
            data=data,
            limits=_SUBMIT,
            headers=sendable.headers,
        )
        return parsed(answer, Training)
    except (LostAnswerError, NoAnswerError) as error:
        sent = (*sendable.query, *sendable.texts, *sendable.headers)
        known = None if before is None else {item.uuid for item in before}
        found = None if known is None else _new(_listed(client, offer), known, sent)
        if found is not None:
            return found
        what = f"Nobody knows whether the training has started at {client.endpoint.name}."
        hint = "Look at the list of its trainings before you start another one."
        raise LostAnswerError(what, hint=hint) from error


def known_ids(client: DeepaasClient, offer: Offer) -> tuple[str, ...]:
    """Return the ids of the trainings that the server knows; none where it cannot list them."""
    return tuple(item.uuid for item in _listed(client, offer) or ())


def started(
    client: DeepaasClient, offer: Offer, values: Mapping[str, object], others: Collection[str]
) -> Training | None:
    """Look for a training whose request may have been sent, without sending it.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The model.
    values : mapping of str to object
        What would have been sent.
    others : collection of str
        Ids of trainings that were there before.

    Returns
    -------
    Training or None
        The only one with these values; None where there is none, or more than one.

    Raises
    ------
    EndpointError
        If the server cannot be asked now.
    """
    if offer.train is None:
        return None
    sendable = encoded(offer.train, values)
    sent = (*sendable.query, *sendable.texts, *sendable.headers)
    return _new(client.trainings(offer), others, sent)


def look(client: DeepaasClient, offer: Offer, uuid: str) -> RunState:
    """Ask how a training is.

    Raises
    ------
    SignInError
        If it wants another login.
    EndpointError
        If the server cannot be asked now; the training may go on.
    """
    answer = client.http.ask("GET", client.url(f"{offer.path}/train/{uuid}"), limits=_ASK)
    if answer.status in _DENIED:
        is_html = "html" in answer.media_type
        raise refusal(answer.url, answer.status, answer.text[:2000], is_html=is_html)
    if answer.status == HTTPStatus.NOT_FOUND:
        client.check()  # a gateway says the same while the server behind it is away
        return RunState("lost", "The server does not know it any more: it was started anew.")
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return RunState("unreadable", "It has ended, but the server cannot tell its result.")
    if answer.status != HTTPStatus.OK:
        what = f"{client.endpoint.name} does not say how the training is ({answer.status})."
        raise EndpointError(what, hint="Ask again later; the training may go on.")
    told = parsed(answer, Training)
    state = _STATES.get(told.status, "running")
    return RunState(state, told.message, told.output if state == "done" else None)


def cancel(client: DeepaasClient, offer: Offer, uuid: str) -> RunState:
    """Ask the server to stop a training, and look what came of it.

    The answer to that request means nothing: a success is told as an error, or not at all.

    Returns
    -------
    RunState
        ``cancelled`` when it is gone; else how it is.

    Raises
    ------
    NoAnswerError
        If the server has not answered since: its ``diagnosis`` is ``frozen``.
    EndpointError
        If the server cannot be asked now.
    """
    before = look(client, offer, uuid)
    if before.state not in {"running", "unreadable"}:
        return before
    with suppress(LostAnswerError, NoAnswerError):
        client.http.ask("DELETE", client.url(f"{offer.path}/train/{uuid}"), limits=_ASK)
    try:
        after = look(client, offer, uuid)
    except NoAnswerError as error:
        what = f"{client.endpoint.name} has not answered since the training was cancelled."
        hint = "It needs a restart by its owner."
        raise NoAnswerError(what, hint=hint, diagnosis="frozen") from error
    return RunState("cancelled") if after.state == "lost" else after


def _listed(client: DeepaasClient, offer: Offer) -> list[Training] | None:
    """Return the trainings of the server; None where it cannot list them."""
    try:
        return client.trainings(offer)
    except EndpointError:
        return None


def _new(
    listed: list[Training] | None, known: Collection[str], sent: Sequence[tuple[str, str]]
) -> Training | None:
    """Return the only new training whose values are those that were sent."""
    found = [
        item
        for item in listed or []
        if item.uuid not in known and all(_same(item.args, name, text) for name, text in sent)
    ]
    return found[0] if len(found) == 1 else None


def _same(args: Mapping[str, object], name: str, text: str) -> bool:
    value = args.get(name)
    values = value if isinstance(value, list) else [value]
    return any(_alike(item, text) for item in values)


def _alike(value: object, text: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == text
    if isinstance(value, int | float):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return str(value) == text
