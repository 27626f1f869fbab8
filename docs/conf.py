"""The site: `python -m sphinx -W docs docs/_build/html`. See CONTRIBUTING.

Pages are the .md files beside this one. The reference comes from docstrings, one page
for each public name (make_api.py), and the gallery from examples/plot_*.py. Nothing is
fetched from the network.
"""

import os
import re
import sys
import warnings
from pathlib import Path

import matplotlib
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import make_api  # noqa: E402

import sklearn_losses  # noqa: E402

matplotlib.use("Agg")
make_api.write(HERE / "api.md")

project = "sklearn_losses"
author = copyright = "The sklearn_losses developers"
version = release = sklearn_losses.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "py:obj"
add_module_names = False
toc_object_entries = False
python_use_unqualified_type_names = True
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
# Sphinx reads what the gallery has written of what the user's matplotlib cannot pickle.
suppress_warnings = ["config.cache"]

autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "none"  # docstrings say what parameters may be
autosummary_generate = True
autosummary_context = {"bare": make_api.without_members()}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# The first examples of the gallery; the others follow by name.
FIRST = [
    "which_loss",
    "outliers",
    "quantile_bands",
    "exposure",
    "imbalanced",
    "wrong_labels",
]
FIRST += [
    "asymmetric_costs",
    "text_stream",
    "own_loss",
    "regularization_path",
    "loss_curves",
]


class Order:
    """The key by which sphinx-gallery sorts files."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, file):
        name = Path(file).stem.removeprefix("plot_")
        return FIRST.index(name) if name in FIRST else len(FIRST), name


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"(^|[\\/])(?!plot_)[^\\/]*$",
    "within_subsection_order": Order,
    "abort_on_example_error": True,
    "plot_gallery": os.environ.get("GALLERY") != "0",  # quick, without pictures
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "reference_url": {"sklearn_losses": None},
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_losses",),
}
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_losses"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "catalogue": [], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_end": ["theme-switcher"],
    "pygments_light_style": "tango",
}
html_sidebars = {
    "index": [],
    "install": [],
    "five_minutes": [],
    "which_loss": [],
    "coming_from": [],
    "catalogue": [],
    "changes": [],
}

# Files outside of docs/ to which pages link, for readers of the repository.
OUTSIDE = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changes.md",
    "../README.md": "index.md",
    "../benchmarks/RESULTS.md": "benchmarks_results.md",
    "../benchmarks/GAPS.md": "benchmarks_gaps.md",
    "../benchmarks/STREAMS.md": "benchmarks_streams.md",
    "../benchmarks/METRIC.md": "benchmarks_metric.md",
    "../benchmarks/SEARCH.md": "benchmarks_search.md",
    "../benchmarks/PENALTIES.md": "benchmarks_penalties.md",
    "../benchmarks/COUNTS.md": "benchmarks_counts.md",
    "../benchmarks/SURVIVAL.md": "benchmarks_survival.md",
}
_CODE = re.compile(r"(\w+)(\(.*\))?")
ALREADY = nodes.reference, nodes.title, addnodes.pending_xref
_MARKUP = re.compile(
    r"``.*?``|`.*?`|\*\*.+?\*\*|(?<!\\)(\||\*\*(?=\w)|(?<=\w)_(?=\W|$))"
)


class LinkNames(SphinxTransform):
    """`Huber` in code, or `Huber(delta=1.0)`, links to its page in the reference."""

    default_priority = 400

    def apply(self):
        for node in self.document.findall(addnodes.pending_xref):
            if node["refdomain"] == "py" and node["reftarget"] in make_api.PAGES:
                node["reftarget"] = f"sklearn_losses.{node['reftarget']}"
        for node in list(self.document.findall(nodes.literal)):
            match = _CODE.fullmatch(node.astext())
            name = match and match[1]
            if name not in make_api.PAGES or self.env.docname.endswith(f".{name}"):
                continue
            if isinstance(node.parent, ALREADY) or self.is_of_others(node):
                continue
            node.replace_self(
                addnodes.pending_xref(
                    "",
                    node.deepcopy(),
                    refdoc=self.env.docname,
                    refdomain="py",
                    reftype="obj",
                    reftarget=f"sklearn_losses.{name}",
                    refexplicit=True,
                    refwarn=False,
                )
            )

    def is_of_others(self, node):
        """Whether a name is that of another package: the left column of a table."""
        while not isinstance(node, (nodes.entry, nodes.document)):
            node = node.parent
        is_left = isinstance(node, nodes.entry) and node.parent.index(node) == 0
        return is_left and self.env.docname == "coming_from"


class Trimmed(SphinxTransform):
    """Code without the empty line that doctest wants after its last example."""

    default_priority = 400

    def apply(self):
        for block in self.document.findall(nodes.literal_block):
            if block.rawsource == block.astext():
                block.rawsource = block.rawsource.rstrip("\n")
                block.children = []
                block += nodes.Text(block.rawsource)


def is_plumbing(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds to every estimator."""
    found = re.fullmatch(r"set_\w+_request|get_metadata_routing|set_output", name)
    return found or None


def escape_formulas(app, what, name, obj, options, lines):
    """Let ``|w|``, ``coef_`` and ``**kw`` in docstrings be what they look like."""
    is_code = False
    for i, line in enumerate(lines):
        text = line.strip()
        is_code = text.startswith(">>> ") or (is_code and text != "")
        if not is_code and not text.startswith((".. ", ":")):
            lines[i] = _MARKUP.sub(lambda m: f"\\{m[0]}" if m[1] else m[0], line)


def link_inside(app, docname, source):
    """Let links to files outside of docs/ be to the pages that include them."""
    for outside, page in OUTSIDE.items():
        source[0] = source[0].replace(f"]({outside}", f"]({page}")


def setup(app):
    app.connect("source-read", link_inside)
    app.add_transform(LinkNames)
    app.add_transform(Trimmed)
    app.connect("autodoc-process-docstring", escape_formulas, priority=900)
    app.connect("autodoc-skip-member", is_plumbing)
