"""Sphinx settings of the documentation site: `make docs`."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent), str(DOCS.parent / "tools")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lenszoo import __version__  # noqa: E402

project = "lenszoo"
author = "The lenszoo developers"
copyright = "The lenszoo developers, Apache-2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated_tables",
    "line_breaks",
    "offline_pages",
    "short_signatures",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build"]
templates_path = []

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"lenszoo {__version__}"
html_static_path = ["_static"]
html_css_files = ["lenszoo.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#6d2f8f",
        "color-brand-content": "#6d2f8f",
    },
    "dark_css_variables": {
        "color-brand-primary": "#f2a65a",
        "color-brand-content": "#f2a65a",
    },
}
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_exclude = ".linenos, .gp, .go"
