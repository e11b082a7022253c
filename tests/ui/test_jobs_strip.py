"""The strip of jobs, and its mirror in napari's activity dock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from psygnal.qt import start_emitting_from_queue

from napari_phenoai.core.progress import Progress, Work
from napari_phenoai.errors import ImageError
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.ui.activity import mirror_jobs
from napari_phenoai.ui.jobs_strip import JobsStrip

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]


def _strip(opened: Opened, qtbot: QtBot) -> JobsStrip:
    start_emitting_from_queue(msec=10)
    strip = JobsStrip(opened[1])
    qtbot.addWidget(strip)
    return strip


def _half(go_on: threading.Event) -> Work[None]:
    yield Progress(1, 2, "half of it")
    while not go_on.is_set():
        go_on.wait(0.02)
        yield Progress(1, 2, "half of it")


def test_a_running_job_is_shown_until_it_ends(session: Opened, qtbot: QtBot) -> None:
    strip = _strip(session, qtbot)
    assert not strip.isVisibleTo(strip.parentWidget())
    go_on = threading.Event()
    session[1].run(Job("Sorting leaves", _half(go_on)))
    (row,) = strip.rows.values()
    qtbot.waitUntil(lambda: "half of it" in row.words.text(), timeout=60_000)
    assert "Sorting leaves" in row.title.text()
    assert row.bar.value() / row.bar.maximum() == 0.5
    go_on.set()
    qtbot.waitUntil(lambda: not strip.rows, timeout=60_000)
    assert strip.isHidden()


def test_the_stop_button_stops_it(session: Opened, qtbot: QtBot) -> None:
    strip = _strip(session, qtbot)
    job = session[1].run(Job("Sorting", _half(threading.Event())))
    (row,) = strip.rows.values()
    row.stop_button.click()
    assert "stopping" in row.words.text()
    qtbot.waitUntil(lambda: job.state is JobState.CANCELLED, timeout=60_000)
    qtbot.waitUntil(lambda: not strip.rows, timeout=60_000)


def test_a_failure_is_told_and_leaves_the_strip(session: Opened, qtbot: QtBot) -> None:
    strip = _strip(session, qtbot)
    errors: list[Exception] = []
    session[1].error_raised.connect(errors.append)

    def fail() -> Work[None]:
        yield Progress(0, 1)
        raise ImageError("leaf.tif is cut short.", hint="Copy it again.")

    session[1].run(Job("Reading", fail()))
    qtbot.waitUntil(lambda: bool(errors), timeout=60_000)
    assert str(errors[0]) == "leaf.tif is cut short. Copy it again."
    qtbot.waitUntil(lambda: not strip.rows, timeout=60_000)


def test_a_job_that_talks_much_does_not_flood_the_window(session: Opened, qtbot: QtBot) -> None:
    strip = _strip(session, qtbot)

    def talk() -> Work[None]:
        for number in range(200_000):
            yield Progress(number, 200_000)

    session[1].run(Job("Talking", talk()))
    qtbot.waitUntil(lambda: not strip.rows, timeout=60_000)
    assert strip.isHidden()


def test_napari_shows_the_job_too(session: Opened, qtbot: QtBot) -> None:
    viewer, found = session
    viewer.window._qt_window.show()
    _strip(session, qtbot)
    mirror = mirror_jobs(found)
    go_on = threading.Event()
    found.run(Job("Sorting leaves", _half(go_on)))
    qtbot.waitUntil(lambda: bool(mirror.bars), timeout=60_000)
    qtbot.waitUntil(lambda: next(iter(mirror.bars.values()))[1].n == 50, timeout=60_000)
    dialog = viewer.window._qt_window._activity_dialog
    assert [bar.description_label.text() for bar in dialog.findChildren(_bar_type())] == [
        "Sorting leaves: "
    ]
    go_on.set()
    qtbot.waitUntil(lambda: not mirror.bars, timeout=60_000)
    assert mirror_jobs(found) is mirror


def _bar_type() -> type:
    from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar

    kind: type = QtLabeledProgressBar
    return kind
