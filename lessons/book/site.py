"""Sphinx with myst-nb and the theme Furo -> HTML that loads nothing from elsewhere.

myst-nb reads notebooks by itself: nbsphinx, the other established extension, needs pandoc, which pip does not install. Furo is
made of its own files alone, works on a telephone, and searches without a server.
"""

import io
import os
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

SETTINGS = {
    "project": "minicolor", "html_title": "minicolor: the lessons", "html_theme": "furo", "language": "en",
    "extensions": ["myst_nb"], "html_static_path": [str(Path(__file__).parent / "book.css")], "html_css_files": ["book.css"],
    "html_show_sourcelink": False, "html_copy_source": False, "html_show_copyright": False, "html_show_sphinx": False,
    "html_theme_options": {"navigation_with_keys": True, "top_of_page_buttons": []},
    "nb_execution_mode": "off", "nb_merge_streams": True, "nb_ipywidgets_js": {},      # widgets' scripts come from elsewhere
    "myst_enable_extensions": ["attrs_block"], "myst_heading_anchors": 3, "html_use_index": False, "pygments_style": "friendly",
    "smartquotes_action": "qe",                              # quotes and ellipses: of a flag's -- it would make a dash
}  # fmt: skip


def html(source: Path, work: Path) -> tuple[Path, list[str]]:
    """-> the folder of pages, inside `work`, and what Sphinx warns of."""
    to, warnings = work / "html", io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(source, None, to, work / "doctrees", "html", confoverrides=SETTINGS, status=None, warning=warnings)
        app.build()
    shutil.rmtree(to / ".doctrees", ignore_errors=True)
    for needless in (".buildinfo", "objects.inv"):
        (to / needless).unlink(missing_ok=True)
    text = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{source}{os.sep}", "")
    return to, [line for line in text.splitlines() if line.strip()]
