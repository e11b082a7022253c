"""The storages of the servers on the list: tried, kept and removed in threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.io.storages import StorageBook
from napari_phenoai.ui.server_errands import Errands

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.io.storages import SavedStorage, StorageList
    from napari_phenoai.loop.storage_setup import StorageWish
    from napari_phenoai.ui.server_desk import ServerDesk

__all__ = ["StorageDesk"]

_LIST = "list"


class StorageDesk:
    """Keeps which server has which storage; knows no widget.

    All methods belong to the main thread and return at once.

    Parameters
    ----------
    desk : ServerDesk
        Whose servers, and where keys are kept.
    book : StorageBook, optional
        The list; by default one beside that of the servers.

    Attributes
    ----------
    storages : dict of str to SavedStorage
        By the names of their servers.
    changed : Signal
        The list has changed, or something was begun or ended.
    done : Signal
        An act that went well, ``keep``, ``test`` or ``remove``; the server; the seconds.
    failed : Signal
        An act, the server, and the error it ended with.
    """

    changed = Signal()
    done = Signal(str, str, float)
    failed = Signal(str, str, Exception)

    def __init__(self, desk: ServerDesk, book: StorageBook | None = None) -> None:
        self.storages: dict[str, SavedStorage] = {}
        self._desk = desk
        self._book = book or StorageBook(desk.book.path.with_name("storages.json"))
        self._errands = Errands()

    def reload(self) -> None:
        """Read the list anew."""
        wrong = partial(self._on_failed, _LIST, "")
        self._errands.run(_LIST, self._book.read, self._on_list, wrong)

    def is_busy(self, server: str) -> bool:
        """Tell whether something is under way for the storage of `server`."""
        return _key(server) in self._errands.under_way

    def keep(self, wish: StorageWish) -> None:
        """Try a storage and, if it works, keep it for its server."""
        from napari_phenoai.loop.storage_setup import set_up

        servers, secrets = self._desk.book, self._desk.secrets
        self._act("keep", wish.server, partial(set_up, wish, servers, secrets, self._book))

    def test(self, server: str) -> None:
        """Write, read and remove a small file in the storage of `server`."""
        from napari_phenoai.loop.storage_setup import try_saved

        self._act("test", server, partial(try_saved, server, self._desk.secrets, self._book))

    def remove(self, server: str) -> None:
        """Take the storage of `server` off the list, with its keys; what lies in it stays."""
        from napari_phenoai.loop.remote_storage import forget_storage

        self._act("remove", server, partial(forget_storage, server, self._desk.secrets, self._book))

    def give_up(self, server: str) -> None:
        """Wait no longer for the storage of `server`."""
        self._errands.drop(_key(server))
        self.changed.emit()

    def close(self) -> None:
        """Want no answer any more."""
        self._errands.close()

    # --- inside

    def _act(self, act: str, server: str, work: Callable[[], Any]) -> None:
        then, otherwise = partial(self._on_done, act, server), partial(self._on_failed, act, server)
        self._errands.run(_key(server), work, then, otherwise)
        self.changed.emit()

    def _on_done(self, act: str, server: str, result: object) -> None:
        self.done.emit(act, server, result if isinstance(result, float) else 0.0)
        self.reload()
        self.changed.emit()

    def _on_failed(self, act: str, server: str, error: Exception) -> None:
        self.failed.emit(act, server, error)
        if act == "remove":  # it is off the list, even where the keyring is locked
            self.reload()
        self.changed.emit()

    def _on_list(self, listed: StorageList) -> None:
        self.storages = {one.server: one for one in listed.storages}
        self.changed.emit()


def _key(server: str) -> str:
    return f"storage of {server}"
