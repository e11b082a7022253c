"""The Python that the docs show runs as it is written, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_python_page_runs() -> None:
    text = (ROOT / "docs" / "python.md").read_text("utf-8")
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
    for link in links:
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name} points to {link}"


def test_every_command_of_the_command_line_is_in_the_docs() -> None:
    from napari_phenoai.cli.app import app

    text = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    for command in app.registered_commands:
        assert f"phenoai {command.name}" in text
