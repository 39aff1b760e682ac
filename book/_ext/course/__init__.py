"""The Sphinx side of the course: equations with their tests, topics with their sections, and mended pages."""

from __future__ import annotations

from sphinx.application import Sphinx

from . import equations, pages, topics


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("course_root", "", "env")
    for module in (equations, topics, pages):
        module.setup(app)
    # reading in parallel would need what is collected merged, and gains little on cached notebooks
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": False}
