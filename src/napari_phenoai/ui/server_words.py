"""What is said of servers, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.errors import (
    NoAnswerError,
    PhenoError,
    RefusedError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.remote.addresses import shown
from napari_phenoai.ui.errors import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.remote.catalogue import CatalogueModule
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.ui.server_state import ServerState

__all__ = [
    "details_of",
    "line_of",
    "meaning_words",
    "module_words",
    "offer_words",
    "trouble_of",
    "why_not",
]

_SIGNS = {"unknown": "○", "asking": "…", "well": "✓", "wrong": "✕"}
_DIAGNOSES = {
    "busy": "busy",
    "slow": "slow",
    "stuck": "stuck",
    "frozen": "frozen",
    "down": "away",
    "silent": "silent",
}


def line_of(state: ServerState) -> str:
    """Return the two lines of a server in the list."""
    endpoint = state.endpoint
    return f"{_SIGNS[state.health]} {endpoint.name}: {_health(state)}\n{shown(endpoint.url)}"


def details_of(state: ServerState) -> str:
    """Return what is known of a server, in lines."""
    lines = [_login(state)]
    if state.health == "well" and state.found is not None and state.found.seconds > 0:
        lines.append(f"Answers in {_duration(state.found.seconds)}.")
    if state.health == "wrong" and state.error is not None:
        lines.insert(0, explain(state.error))
    lines += [offer_words(offer) for offer in state.offers]
    if state.found is not None:
        lines += [f"▲ {text}" for text in state.found.cautions]
    if state.endpoint.at_once > 1:
        lines.append(f"Asked for up to {state.endpoint.at_once} tiles at the same time.")
    return "\n".join(line for line in lines if line)


def offer_words(offer: Offer) -> str:
    """Return what can be done with one model of a server."""
    can = [word for word, form in (("predicts", offer.predict), ("trains", offer.train)) if form]
    return f"{offer.key}: {' and '.join(can) or 'offers nothing'}"


def trouble_of(error: BaseException) -> str:
    """Return in one or two words what is the matter with a server.

    Examples
    --------
    >>> trouble_of(NoAnswerError("late", hint="wait", diagnosis="busy"))
    'busy'
    """
    if isinstance(error, NoAnswerError):
        return _DIAGNOSES.get(error.diagnosis, "silent")
    if isinstance(error, UnreachableError):
        return "cannot be reached"
    if isinstance(error, SignInError):
        return "wants a login"
    if isinstance(error, RefusedError):
        return "refuses"
    return "in trouble" if isinstance(error, PhenoError) else "failed"


def why_not(state: ServerState) -> str:
    """Return why nothing can be asked of a server now, and what to do; empty where it can."""
    if state.offers:
        return ""
    name = state.endpoint.name
    if state.health == "wrong" and state.error is not None:
        return f"▲ {name}: {explain(state.error)}"
    if state.health == "well":
        return f"{name} offers neither predictions nor trainings."
    return f"{name} is being asked what it offers ..."


def meaning_words(mapping: Mapping[str, object], scheme: ClassScheme) -> str:
    """Return what the values of a server mean, as a model's card has it.

    Parameters
    ----------
    mapping : mapping
        ``pairs`` of value and class id, ``names`` and class id, and ``rest``.
    scheme : ClassScheme
        For the names.
    """
    names = {0: "unlabelled", **{item.id: item.name for item in scheme.active}}
    pairs, called = mapping.get("pairs"), mapping.get("names")
    found = sorted(pairs.items(), key=lambda pair: int(pair[0])) if isinstance(pairs, dict) else []
    found += called.items() if isinstance(called, dict) else []
    said = [f"{value} = {names.get(number, number)}" for value, number in found[:8]]
    said += ["…"] if len(found) > 8 else []
    rest = mapping.get("rest")
    if isinstance(rest, int):
        said.append(f"all others = {names.get(rest, rest)}")
    return ", ".join(said)


def module_words(module: CatalogueModule) -> str:
    """Return what its author says of a module of the marketplace, in lines."""
    lines = [module.title or module.name or module.id, module.summary]
    facts = {
        "License": module.license,
        "Tasks": ", ".join(module.tasks),
        "Works with": ", ".join(module.data_type),
        "Libraries": ", ".join(module.libraries),
        "Tags": ", ".join(module.tags),
    }
    lines += [f"{name}: {value}" for name, value in facts.items() if value]
    lines += [f"{name}: {link}" for name, link in module.links.items()]
    if module.is_broken:
        lines.append("▲ The platform could not read all that its author wrote.")
    lines += ["", module.description] if module.description else []
    return "\n".join(line for number, line in enumerate(lines) if line or number)


def _health(state: ServerState) -> str:
    if state.health == "wrong" and state.error is not None:
        return trouble_of(state.error)
    if state.health == "well" and state.found is not None:
        count = len(state.offers)
        models = "1 model" if count == 1 else f"{count} models"
        return f"{models}, {_duration(state.found.seconds)}"
    return "is being asked" if state.health == "asking" else "not asked yet"


def _login(state: ServerState) -> str:
    if state.endpoint.credential is None:
        return ""
    login = state.login
    if login is None:
        return "Its login is not known here: log in again."
    kinds = {
        "token": "with a token",
        "basic": f"as {login.user}",
        "command": f"with the command {login.command[0]}" if login.command else "",
        "oidc": f"in the browser ({shown(login.issuer)})" if login.issuer else "in the browser",
    }
    return f"Logged in {kinds[login.kind]}."


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
