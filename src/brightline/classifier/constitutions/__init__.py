# SPDX-License-Identifier: Apache-2.0
"""One short text for each fact: what counts as yes, no and unknown. They are what a judge reads."""

from __future__ import annotations

from importlib import resources
from typing import Final

from brightline.core.errors import ConfigError
from brightline.core.screening.prompt import Constitution

_QUESTION: Final = "question: "


def constitution(fact: str) -> Constitution:
    """The constitution of a fact. Raises ``ConfigError`` if there is none."""
    file = resources.files(__name__) / f"{fact}.md"
    if not fact.isidentifier() or not file.is_file():
        raise ConfigError(f"no constitution says what {fact!r} is")
    title, asked, text = file.read_text().split("\n\n", 2)
    if title != f"# {fact}" or not asked.startswith(_QUESTION):
        raise ConfigError(f"the constitution of {fact} begins with its name and its question")
    return Constitution(fact, asked.removeprefix(_QUESTION), text.strip())


def written() -> tuple[str, ...]:
    """The facts that have one, by name."""
    return tuple(sorted(file.name[:-3] for file in resources.files(__name__).iterdir() if file.name.endswith(".md")))
