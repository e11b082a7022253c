"""The servers of one session: which there are, how they are, what they offer."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from psygnal import Signal

from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.server_errands import Errands
from napari_phenoai.ui.server_needs import LoginNeeds
from napari_phenoai.ui.server_questions import Questions
from napari_phenoai.ui.server_state import ServerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.endpoints import EndpointList
    from napari_phenoai.remote.connections import Connections
    from napari_phenoai.remote.credentials import Secrets
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.server_list import Found
    from napari_phenoai.ui.session import Session

__all__ = ["ServerDesk", "servers_of"]

_LIST = "list"


class ServerDesk:
    """Keeps the list of servers for the docks of one session; knows no widget.

    All methods but `client` belong to the main thread and return at once; files, keyring
    and network are used in threads that nobody waits for.

    Parameters
    ----------
    book : EndpointBook, optional
        The list; by default the user's.
    secrets : Secrets, optional
        By default the keyring.

    Attributes
    ----------
    states : dict of str to ServerState
        By name, in the order of the list.
    changed : Signal
        The list, or what is known of a server, has changed.
    done : Signal
        Name of an act that went well: ``add``, ``log in``, ``log out``, ``remove``.
    failed : Signal
        Name of an act, and the error it ended with.
    questions : Questions
        What work on servers wants to know of the person, such as whether a login may go
        to a server that it did not go to before.
    needs : LoginNeeds
        Servers that want a login before work goes on.
    coded : Signal
        The `DeviceCode` that a person has to type in for a login in the browser.
    """

    changed = Signal()
    done = Signal(str, str)
    failed = Signal(str, object)
    coded = Signal(object)
    _code = Signal(object)

    def __init__(self, book: EndpointBook | None = None, secrets: Secrets | None = None) -> None:
        self.book = book or EndpointBook()
        self.states: dict[str, ServerState] = {}
        self.known = False
        self.questions = Questions()
        self.needs = LoginNeeds()
        self.errands = Errands()
        self._secrets = secrets
        self._connections: Connections | None = None
        self._making = threading.Lock()
        self._stop = threading.Event()
        hear_from_thread(self._code, self._on_code)

    @property
    def secrets(self) -> Secrets:
        """Where secrets are kept."""
        if self._secrets is None:
            from napari_phenoai.remote.credentials import KeyringSecrets

            self._secrets = KeyringSecrets()
        return self._secrets

    @property
    def connections(self) -> Connections:
        """The clients of this session: one for each server, with one lane."""
        with self._making:
            if self._connections is None:
                from napari_phenoai.remote.connections import Connections

                self._connections = Connections(self.book, self.secrets, self.questions.ask)
            return self._connections

    def client(self, name: str) -> DeepaasClient:
        """Return the client of the server called `name`, in a thread of work on it.

        It waits while the person is asked whether a login may go there; see
        `napari_phenoai.remote.connections.Connections.client`.
        """
        return self.connections.client(name)

    def is_under_way(self, act: str) -> bool:
        """Tell whether an act such as ``add`` has not ended yet."""
        return act in self.errands.under_way

    # --- looking

    def reload(self) -> None:
        """Read the list anew."""
        self.errands.run(_LIST, self.book.read, self._on_list, partial(self._on_failed, _LIST))

    def test(self, name: str) -> None:
        """Ask the server called `name` how it is and what it offers."""
        from napari_phenoai.remote.server_list import look_at

        if name not in self.states:
            return
        self._put(name, health="asking", error=None)
        self.errands.run(
            f"test {name}",
            lambda: look_at(self.client(name)),
            partial(self._on_found, name),
            partial(self._on_wrong, name),
        )

    def test_all(self) -> None:
        """Ask all servers that nobody has asked yet."""
        for name in [name for name, one in self.states.items() if one.health == "unknown"]:
            self.test(name)

    # --- changing

    def add(
        self,
        url: str,
        name: str = "",
        kind: Literal["deepaas", "oscar"] = "deepaas",
        ca_file: str | None = None,
    ) -> None:
        """Ask the server at `url` what it offers, and put it on the list.

        Certificates are trusted by `ca_file` in place of the usual ones, where one is given.
        """
        from napari_phenoai.remote.server_list import How, add_server

        how = None if ca_file is None else How(ca_file=ca_file)
        work = partial(add_server, self.book, url, name, kind=kind, how=how)
        self._act("add", work, self._on_added)

    def log_in(
        self,
        name: str,
        kind: Literal["token", "basic", "command"],
        *,
        secret: str = "",
        user: str = "",
        command: str = "",
    ) -> None:
        """Keep a login for the server called `name`, and test it there."""
        from napari_phenoai.remote.server_logins import log_in

        book, secrets = self.book, self.secrets
        work = partial(log_in, book, secrets, name, kind, secret=secret, user=user, command=command)
        self._act("log in", work, partial(self._on_login, name))

    def log_in_by_code(self, name: str, issuer: str, client: str) -> None:
        """Log in at the server called `name` in the browser; `coded` tells what to type in."""
        from napari_phenoai.remote.browser_login import Asked, log_in_by_code, until_stopped

        self._stop.set()
        self._stop = stop = threading.Event()
        login = log_in_by_code(
            self.book,
            self.secrets,
            self.connections,
            name,
            Asked(issuer, client),
            show=self._code.emit,
        )
        self._act("log in", lambda: until_stopped(login, stop), partial(self._on_login, name))

    def give_up_login(self) -> None:
        """Wait no longer for a code to be typed in."""
        self._stop.set()
        self.errands.drop("log in")
        self.changed.emit()

    def log_out(self, name: str) -> None:
        """Take the login off the server called `name`."""
        from napari_phenoai.remote.server_logins import log_out

        work = partial(log_out, self.book, self.secrets, name)
        self._act("log out", work, partial(self._on_login, name))

    def remove(self, name: str) -> None:
        """Take the server called `name` off the list, with its login and its storage."""
        from napari_phenoai.loop.remote_storage import remove_wholly

        work = partial(remove_wholly, self.book, self.secrets, name)
        self._act("remove", work, partial(self._on_removed, name))

    def close(self) -> None:
        """Want no answer any more; what is on its way to a server is left alone."""
        self._stop.set()
        self.questions.close()
        self.errands.close()
        if self._connections is not None:
            self._connections.close()

    # --- inside

    def _on_code(self, code: object) -> None:
        if self.is_under_way("log in"):
            self.coded.emit(code)

    def _act(self, act: str, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        self.errands.run(act, work, then, partial(self._on_failed, act))
        self.changed.emit()

    def _on_list(self, listed: EndpointList) -> None:
        states: dict[str, ServerState] = {}
        for endpoint in listed.endpoints:
            login = listed.credential(endpoint.credential or "")
            old = self.states.get(endpoint.name)
            if old is not None and (old.endpoint, old.login) == (endpoint, login):
                states[endpoint.name] = old
            else:
                states[endpoint.name] = ServerState(endpoint, login)
        self.states, self.known = states, True
        self.changed.emit()

    def _on_added(self, found: Found) -> None:
        name = found.endpoint.name
        wants_login = not found.offers
        self.states[name] = ServerState(
            found.endpoint, health="unknown" if wants_login else "well", found=found
        )
        self.done.emit("add", name)
        self.changed.emit()
        if wants_login:
            self.test(name)

    def _on_login(self, name: str, _: object) -> None:
        self.connections.forget(name)
        self.needs.withdraw(name)
        self.done.emit("log in", name)
        self.errands.run(_LIST, self.book.read, partial(self._on_relisted, name))

    def _on_relisted(self, name: str, listed: EndpointList) -> None:
        self._on_list(listed)
        self.test(name)

    def _on_removed(self, name: str, _: object) -> None:
        self.states.pop(name, None)
        self.errands.drop(f"test {name}")
        self.connections.forget(name)
        self.needs.withdraw(name)
        self.done.emit("remove", name)
        self.changed.emit()

    def _on_found(self, name: str, found: Found) -> None:
        self._put(name, health="well", found=found, error=None)

    def _on_wrong(self, name: str, error: Exception) -> None:
        self._put(name, health="wrong", error=error)

    def _on_failed(self, act: str, error: Exception) -> None:
        self.changed.emit()
        self.failed.emit(act, error)
        if act != _LIST:
            self.reload()

    def _put(self, name: str, **changes: Any) -> None:
        if name in self.states:
            self.states[name] = replace(self.states[name], **changes)
            self.changed.emit()


_desks: WeakKeyDictionary[Session, ServerDesk] = WeakKeyDictionary()


def servers_of(session: Session) -> ServerDesk:
    """Return the servers of this session, made on first use."""
    desk = _desks.get(session)
    if desk is None:
        desk = _desks[session] = ServerDesk()
    return desk
