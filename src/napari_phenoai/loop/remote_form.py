"""What was filled into the form of a module on a server, kept in each project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.io.project import Project

__all__ = ["keep_form", "kept_form"]

_KEY = "remote-form:"


def kept_form(project: Project, server: str, model: str, verb: str) -> dict[str, Any]:
    """Return what was filled in last in this project; empty where nothing was.

    Parameters
    ----------
    project : Project
        Open.
    server, model : str
        Name of the server, and of its module.
    verb : str
        ``predict`` or ``train``.
    """
    said = project.ledger.get_setting(f"{_KEY}{server}:{model}:{verb}")
    try:
        found = json.loads(said or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def keep_form(
    project: Project, server: str, model: str, verb: str, values: Mapping[str, object]
) -> None:
    """Keep in the project what was filled in; never called with secrets."""
    project.ledger.set_setting(f"{_KEY}{server}:{model}:{verb}", json.dumps(dict(values)))
