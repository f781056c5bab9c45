"""How Sphinx builds the site: `make docs`."""

import sys
from pathlib import Path

import isorep

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "isorep"
author = "The isorep developers"
project_copyright = f"2026, {author}"
version = release = isorep.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "name_roles",
    "repository_links",
    "reference_pages",
]
exclude_patterns = ["gallery", "auto_gallery/*.ipynb", "auto_gallery/*.py"]
# A name that stands alone in backquotes, in docstrings.
default_role = "name"
smartquotes = False  # it makes a dash of the two hyphens of an option
nitpicky = True
nitpick_ignore = [("py:obj", "isorep.readers")]  # a group of entry points

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_typehints = "none"  # the docstrings name the types
toc_object_entries_show_parents = "hide"
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
viewcode_line_numbers = True

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 60,
    "write_computation_times": False,  # another number at each build
    "default_thumb_file": None,
    "reset_modules": ("matplotlib",),
    "plot_gallery": "True",
    "capture_repr": (),  # a picture is shown, not the axes that the last line returns
}

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}  # light or dark, as the browser prefers
html_title = "isorep"
html_static_path = ["_static"]
html_css_files = ["isorep.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/favicon.svg"
html_theme_options = {
    "logo": {"text": "isorep"},
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc", "sourcelink"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_show_sphinx = False
