# SPDX-License-Identifier: Apache-2.0
"""What every page of ours has: an engine that escapes, one style sheet, and the policy that allows nothing else.

It lies below every room that has pages, beside what prints to a terminal. Texts on a page may come from anybody, so
the template engine escapes all of them, and the page's policy (Content Security Policy Level 3, section 3.3) allows
one style sheet by its hash: no script, no image, no form, no frame.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

DOCUMENT: Final = "document.css"
PALETTE: Final = "palette.css"


def environment(package: str, finalize: Callable[[object], object] | None = None) -> Environment:
    """The engine for the templates of a package; ``finalize`` is asked for every value that is printed."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )


def style_of(pages: Environment, name: str) -> str:
    """A style sheet that lies with the templates, as it is."""
    if pages.loader is None:
        raise ValueError("the environment has no loader")
    source, _, _ = pages.loader.get_source(pages, name)
    return source


def document_style_of(pages: Environment, name: str) -> str:
    """Our palette, what long documents share, and after it a sheet of their own that lies with the templates."""
    shared = (files("brightline") / shared for shared in (PALETTE, DOCUMENT))
    return "".join(sheet.read_text("utf-8") for sheet in shared) + style_of(pages, name)


def policy_of(style: str) -> str:
    """The policy that allows this style and nothing else.

    The hash is over exactly what stands between the tags (CSP Level 3, section 6.7.3.3).
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
