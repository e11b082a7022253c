"""What a session tells: its signals, and what each of them means."""

from __future__ import annotations

from psygnal import Signal

__all__ = ["SessionSignals"]


class SessionSignals:
    """The signals of a session; all are emitted on the main thread.

    Signals
    -------
    project_changed
        A project was opened or closed, or its images or classes changed.
    queue_changed
        Items came, went, or changed their state.
    current_changed
        Another tile is current; its content may still be on the way.
    desk_changed
        The content of the current tile came, went, or was replaced.
    edited
        The mask on the desk was painted.
    painting_changed
        Painting anywhere began or ended, or another plane is painted.
    painting_noted
        There is something else to know about painting.
    history_changed
        An edit of labels was recorded, undone or done again.
    models_changed
        A round was recorded or another model serves.
    reviews_changed
        A decision was saved.
    review_saved : Review
        The same, with the record.
    standing_changed
        What the status line shows was read anew.
    jobs_changed
        A job started or ended.
    error_raised : Exception
        Something failed; `ui.errors.report` shows it.
    told : str
        Something that people should read once, and that is no error.
    """

    project_changed = Signal()
    queue_changed = Signal()
    current_changed = Signal()
    desk_changed = Signal()
    edited = Signal()
    painting_changed = Signal()
    painting_noted = Signal()
    history_changed = Signal()
    models_changed = Signal()
    reviews_changed = Signal()
    review_saved = Signal(object)
    standing_changed = Signal()
    jobs_changed = Signal()
    error_raised = Signal(object)
    told = Signal(str)
