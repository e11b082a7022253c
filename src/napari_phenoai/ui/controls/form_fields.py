"""One input for each kind of field that a server may ask for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, Password, SpinBox
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QDoubleSpinBox, QLineEdit, QWidget

if TYPE_CHECKING:
    from napari_phenoai.core.forms import FormField

__all__ = ["FieldInput", "spelled_default"]

_LARGEST = 2**31 - 1
_LARGEST_NUMBER = 1e15
_MOST_DECIMALS = 8
_LEFT_OPEN = "(left to the server)"
_CHOOSE = "(choose)"


class FieldInput:
    """The input of one field; empty leaves the value to the server.

    Numbers, flags and choices with a default have inputs with their range, which are
    never empty. Where the server gives no default, an input must be able to stay empty,
    which those for numbers cannot: then it is a line of text, checked when it is read.

    Parameters
    ----------
    field : FormField
        Not one for a file.
    """

    changed = Signal()

    def __init__(self, field: FormField) -> None:
        self.field = field
        self._magic: Any = _made(field)
        self._calm = _Calm()
        widget = self.widget
        widget.setObjectName(field.name)
        widget.setAccessibleName(field.name)
        if isinstance(widget, QAbstractSpinBox | QComboBox):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self._calm)
        if isinstance(widget, QComboBox):
            widget.setMinimumContentsLength(6)
            policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            widget.setSizeAdjustPolicy(policy)
        self._magic.changed.connect(self._tell)

    @property
    def widget(self) -> QWidget:
        """What is shown."""
        native: QWidget = self._magic.native
        return native

    @property
    def value(self) -> object:
        """What is filled in; None where it is left to the server."""
        found: object = self._magic.value
        if isinstance(found, str) and not found.strip():
            return None
        return found

    @value.setter
    def value(self, value: object) -> None:
        if isinstance(self._magic, LineEdit | Password):
            self._magic.value = "" if value is None else spelled_default(self.field, value)
            return
        try:
            self._magic.value = self.field.read(value)
        except ValueError:
            return

    @property
    def is_default(self) -> bool:
        """Whether the server would take this value anyway."""
        value = self.value
        if value is None or isinstance(self._magic, LineEdit | Password):
            text = "" if value is None else str(value)
            return text == spelled_default(self.field, self.field.default)
        return value == self.field.default

    def reset(self) -> None:
        """Show what the server takes by itself."""
        if self.field.default is not None or isinstance(self._magic, LineEdit | Password):
            self.value = self.field.default
        elif isinstance(self._magic, ComboBox):
            self._magic.value = None

    def _tell(self, _: object) -> None:
        self.changed.emit()


def spelled_default(field: FormField, value: object) -> str:
    """Return `value` as a person would write it into a line of text."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and field.kind == "number":
        return f"{value:g}"
    return str(value)


class _Calm(QObject):
    """Keeps the wheel from changing values on the way through a form."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


def _made(field: FormField) -> Any:
    kind, default = field.kind, field.default
    if kind == "choice":
        return _choice([(spelled_default(field, one), one) for one in field.choices], field)
    if kind == "flag":
        if isinstance(default, bool):
            return CheckBox(value=default)
        return _choice([("yes", True), ("no", False)], field)
    if kind == "integer" and (range_ := _whole_range(field)) is not None:
        low, high = range_
        return SpinBox(value=int(float(str(default))), min=low, max=high, step=1)
    if kind == "number" and (number := _plain_number(field)) is not None:
        return _number(field, number)
    return _line(field)


def _choice(choices: list[tuple[str, object]], field: FormField) -> Any:
    known = field.default in [value for _, value in choices] and field.default is not None
    listed = choices if known else [(_CHOOSE if field.required else _LEFT_OPEN, None), *choices]
    return ComboBox(choices=listed, value=field.default if known else None)


def _whole_range(field: FormField) -> tuple[int, int] | None:
    """Return smallest and largest value; None where an input of text suits better."""
    if not isinstance(field.default, int) or isinstance(field.default, bool):
        return None
    low = -_LARGEST if field.low is None else math.ceil(field.low)
    high = _LARGEST if field.high is None else math.floor(field.high)
    low, high = max(low, -_LARGEST), min(high, _LARGEST)
    return (low, high) if low <= field.default <= high else None


def _plain_number(field: FormField) -> float | None:
    if not isinstance(field.default, int | float) or isinstance(field.default, bool):
        return None
    number = float(field.default)
    fits = math.isfinite(number) and (number == 0 or 1e-4 <= abs(number) < _LARGEST_NUMBER)
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    return number if fits and low <= number <= high else None


def _number(field: FormField, number: float) -> Any:
    low = -_LARGEST_NUMBER if field.low is None else field.low
    high = _LARGEST_NUMBER if field.high is None else field.high
    step = _step(number, high - low)
    made = FloatSpinBox(value=number, min=low, max=high, step=step)
    native = made.native
    if isinstance(native, QDoubleSpinBox):
        _, _, digits = f"{number:.{_MOST_DECIMALS}f}".rstrip("0").partition(".")
        native.setDecimals(min(_MOST_DECIMALS, max(3, len(digits) + 1)))
        made.value = number
    return made


def _step(number: float, extent: float) -> float:
    if extent <= 1:
        return 0.05
    return 0.1 if abs(number) < 10 else 1.0


def _line(field: FormField) -> Any:
    made = (Password if field.secret else LineEdit)(value=spelled_default(field, field.default))
    native = made.native
    if isinstance(native, QLineEdit):
        native.setPlaceholderText(_placeholder(field))
        native.setMinimumWidth(60)
    return made


def _placeholder(field: FormField) -> str:
    if field.kind == "list" and field.choices:
        return ", ".join(str(choice) for choice in field.choices)
    if field.kind == "list":
        return "1, 2, 3" if field.items in {"integer", "number"} else "one, two"
    if field.kind == "raw":
        return "JSON"
    if field.format and field.kind == "text" and not field.secret:
        return field.format
    return "" if field.required else "left to the server"
