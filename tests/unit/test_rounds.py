"""The audit trail names the model that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import RoundRecord
from napari_phenoai.errors import InputError
from napari_phenoai.io.rounds import RoundLog

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal


def entry(
    second: int,
    served: str | None,
    before: str | None,
    kind: Literal["training", "promoted", "rolled back", "imported"] = "training",
) -> RoundRecord:
    return RoundRecord(id=new_id(second), kind=kind, model="m", served=served, before=before)


@pytest.mark.parametrize(
    ("records", "served"),
    [
        ([], None),
        ([entry(1, "a", None)], "a"),
        ([entry(1, "a", None), entry(2, "b", "a")], "b"),
        ([entry(1, None, None)], None),
        ([entry(1, "a", None), entry(2, "a", "a")], "a"),
        ([entry(1, "a", None), entry(2, "b", "a", "promoted"), entry(3, "a", "a")], "b"),
        ([entry(1, "a", None), entry(2, "b", "a"), entry(3, "a", "b", "rolled back")], "a"),
        ([entry(1, "a", None), entry(2, None, "a", "rolled back")], None),
        ([entry(1, "a", None), entry(2, None, None, "imported")], "a"),
    ],
)
def test_the_last_change_says_which_model_serves(
    tmp_path: Path, records: list[RoundRecord], served: str | None
) -> None:
    log = RoundLog(tmp_path)
    for record in reversed(records):
        log.add(record)
    assert log.served() == RoundLog(tmp_path).served() == served
    assert log.all() == records


def test_records_are_never_replaced(tmp_path: Path) -> None:
    log, record = RoundLog(tmp_path), entry(1, "a", None)
    log.add(record)
    with pytest.raises(InputError, match="already"):
        log.add(record.but(served="b"))
    assert log.served() == "a"


def test_another_process_is_heard(tmp_path: Path) -> None:
    mine, theirs = RoundLog(tmp_path), RoundLog(tmp_path)
    for second in range(3):
        theirs.add(entry(second, f"m{second}", None))
        assert mine.served() == f"m{second}"


def test_damaged_records_are_named(tmp_path: Path) -> None:
    log = RoundLog(tmp_path)
    log.add(entry(1, "a", None))
    (tmp_path / "zz.json").write_text("no")
    assert log.served() == "a"
    assert [finding.path.name for finding in log.problems] == ["zz.json"]
