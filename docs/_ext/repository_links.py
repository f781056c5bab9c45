"""Pages of the repository outside `docs/`, and links to them.

A few pages stand for a file of the repository, such as `docs/changelog.md` for `CHANGELOG.md`: on a
code host the page links to the file; on the site it shows the file's text. Links to such a file
lead to its page. A link to another file of the repository is a download. A link whose text is the
name of a page has the page's title on the site.
"""

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PAGES = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "README.md": "index",
    "examples/README.md": "examples",
}
"""File of the repository -> page of the site."""

_LINK = re.compile(r"\[(`?)([^]`]*)\1\]\(([^)\s#]+)((?:#[^)\s]*)?)\)")
_FENCED = re.compile(r"^(```.*?^```$)", flags=re.MULTILINE | re.DOTALL)


def _rewritten(text: str, source: str, page: str) -> str:
    """Return Markdown of the file `source` with links that work on `page`."""

    def link(match: re.Match[str]) -> str:
        quote, words, path, anchor = match.groups()
        if re.match(r"\w+:", path):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target in PAGES:
            target = f"docs/{PAGES[target]}.md"
        if words.endswith(".md"):  # the name of the file: the site shows the page's title
            quote = words = ""
        place = posixpath.relpath(target, posixpath.dirname(page)) + anchor
        if not target.startswith("docs/"):
            place = f"path:{place}"  # MyST's word for a download
        return f"[{quote}{words}{quote}]({place})"

    parts = _FENCED.split(text)  # those at odd places are fenced
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def _read(app: Sphinx, docname: str, content: list[str]) -> None:
    page = f"docs/{docname}.md"
    root = Path(app.srcdir).parent
    if not (root / page).exists():
        return
    shown = {name: path for path, name in PAGES.items() if name != "index"}.get(docname)
    if shown:
        content[0] = (root / shown).read_text()
        app.env.note_dependency(root / shown)
    content[0] = _rewritten(content[0], shown or page, page)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Rewrite each page as it is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
