# SPDX-License-Identifier: Apache-2.0
"""Where an installation keeps its counts of people: a file of the state folder, or a database that gateways share."""

from __future__ import annotations

from brightline.core.patterns.book import PatternBook
from brightline.shell.config import Settings, counts_password
from brightline.shell.state import StateFolder
from brightline.shell.storage.sketches import FILE_NAME, CountStore, SketchStore, read_counts
from brightline.shell.trust.keys import load_secret


def open_counts(folder: StateFolder, settings: Settings) -> CountStore:
    """The store that a gateway writes. Raises ``OperatorError``, ``ConfigError``."""
    if not settings.patterns.database_url:
        return SketchStore(folder.patterns)
    from brightline.shell.storage.shared_sketches import SharedSketches

    return SharedSketches(
        settings.patterns.database_url, load_secret(folder.key("hold")), counts_password(settings.patterns)
    )


def kept_counts(folder: StateFolder, settings: Settings) -> PatternBook:
    """The counts as they were kept last, for whoever looks. Raises ``OperatorError``, ``ConfigError``."""
    nobody = not settings.patterns.database_url and not (folder.patterns / FILE_NAME).exists()
    return read_counts(None if nobody else open_counts(folder, settings))
