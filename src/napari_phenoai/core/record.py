"""The base of everything that is persisted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

__all__ = ["Record", "now", "without"]


class Record(BaseModel):
    """Base of all records: values that are replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: object) -> Self:
        """Return a copy with `changes`, validated anew."""
        return type(self).model_validate({**self.model_dump(), **changes})


def now() -> datetime:
    """Return the present moment in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def without(fields: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return what a record is written as, without what only projects of objects have."""
    return {name: value for name, value in fields.items() if name not in names}
