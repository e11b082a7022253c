"""How servers, forms and modules are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_phenoai.core.endpoints import Endpoint
    from napari_phenoai.core.forms import Form, FormField
    from napari_phenoai.remote.catalogue import CatalogueModule

__all__ = ["form_lines", "form_table", "module_lines", "offered_line", "public"]


def public(endpoint: Endpoint) -> dict[str, object]:
    """Return a server for a program to read."""
    return endpoint.model_dump(mode="json", exclude={"format"})


def offered_line(fact: dict[str, object]) -> str:
    """Return a line on what can be done with one model."""
    can = [word for word in ("predict", "train") if fact[word]]
    return f"  {fact['model']}: {' and '.join(can) or 'nothing'}"


def form_table(form: Form | None) -> list[dict[str, object]] | None:
    """Return the fields of a form for a program to read; None where there is no form."""
    if form is None:
        return None
    return [
        {
            "name": item.name,
            "kind": item.kind,
            "required": item.required,
            "default": item.default,
            "choices": list(item.choices),
            "low": item.low,
            "high": item.high,
            "help": item.help,
        }
        for item in form.fields
    ]


def form_lines(title: str, form: Form | None) -> list[str]:
    """Return a form for a person to read."""
    from napari_phenoai.remote.redaction import plain

    if form is None:
        return [f"{title}: not offered"]
    lines = [f"{title}:", *(_field_line(item) for item in form.fields)]
    if form.answers:
        lines.append("  " + plain(f"answers in {', '.join(form.answers)}"))
    return lines


def module_lines(module: CatalogueModule, *, whole: bool) -> list[str]:
    """Return a module of a marketplace for a person to read."""
    line = f"{module.id or module.name}: {module.title or module.summary}"
    if not whole:
        return [line]
    facts = {
        "summary": module.summary,
        "license": module.license,
        "tags": ", ".join(module.tags),
        "tasks": ", ".join(module.tasks),
    }
    lines = [line, *(f"  {name}: {value}" for name, value in facts.items() if value)]
    lines += [f"  {name}: {link}" for name, link in module.links.items()]
    return [*lines, module.description] if module.description else lines


def _field_line(item: FormField) -> str:
    from napari_phenoai.remote.redaction import plain

    kind = f"list of {item.items}" if item.kind == "list" else item.kind
    if item.choices:
        kind = " | ".join(str(choice) for choice in item.choices)
    bounds = [
        f"{sign} {number:g}"
        for sign, number in ((">=", item.low), ("<=", item.high))
        if number is not None
    ]
    marks = ["required"] if item.required else []
    marks += bounds
    marks += [f"default {item.default}"] if item.default not in {None, ""} else []
    about = f" ({', '.join(marks)})" if marks else ""
    return "  " + plain(f"{item.name}: {kind}{about} {item.help}", 1000)
