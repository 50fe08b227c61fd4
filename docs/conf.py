import re
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.ext import autosummary
from sphinx.ext.napoleon.docstring import GoogleDocstring

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "ase_tito"
author = "the ase_tito authors"
copyright = author
version = release = installed_version("ase_tito")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # equations also without a network
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",  # the tutorials are scripts that it runs
]
exclude_patterns = ["_build"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples/tutorials",
    "gallery_dirs": "tutorials",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "notebook_extensions": set(),  # a downloaded notebook lacks the files beside the script
    "show_memory": False,
    "show_signature": False,
    "capture_repr": (),
    "min_reported_time": 3600,
}
templates_path = ["_templates"]

myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# A module has a page, also where its package has a function of the same name.
_import_object = autosummary._import_by_name


def _import_module_or_object(name, grouped_exception=True):
    with suppress(ImportError):
        return import_module(name), None, name
    return _import_object(name, grouped_exception)


autosummary._import_by_name = _import_module_or_object
autosummary_generate = True
autosummary_ignore_module_all = True
# Each object on one page, that of the module it is written in, not where it is re-exported too.
autodoc_default_options = {"members": True, "ignore-module-all": True}
default_role = "py:obj"  # what docstrings put in single backticks
# Attributes of the same name in several classes.
suppress_warnings = ["ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
# What is said of a constant is a sentence: its colon ends no name of a type.
GoogleDocstring._parse_attribute_docstring = GoogleDocstring._consume_to_end
# Attributes that share a line are as many, as parameters are: `low, high : float`.
_consume_fields = GoogleDocstring._consume_fields


def _consume_each_field(self, parse_type=True, prefer_type=False, multiple=False):
    return _consume_fields(self, parse_type, prefer_type, multiple or parse_type > prefer_type)


GoogleDocstring._consume_fields = _consume_each_field
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "ase_tito"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1f5f8b",
        "color-brand-content": "#1f5f8b",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fb8de",
        "color-brand-content": "#7fb8de",
    },
}

autodoc_type_aliases = {"ArrayLike": "ArrayLike"}  # not all that it stands for
_SHORTER = {
    r"<factory>": "...",
    r"TypeAliasForwardRef\('(\w+)'\)": r"\1",
    r"~?numpy\.ndarray\[~?tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[([~\w.]+)\]\]": (
        r"~numpy.typing.NDArray[\1]"
    ),
}


def _shortened(app, what, name, object_, options, signature, returned):
    """Types as the code has them."""
    for pattern, short in _SHORTER.items():
        signature = signature and re.sub(pattern, short, signature)
        returned = returned and re.sub(pattern, short, returned)
    return signature, returned


def setup(app):
    app.connect("autodoc-process-signature", _shortened)
