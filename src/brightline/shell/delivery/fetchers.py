# SPDX-License-Identifier: Apache-2.0
"""Where a repository's bytes come from: a folder (a medium, a diode's far end), or HTTP. Both within one deadline.

How many bytes a file may have is asked by the client before it opens one; how long all of them may take, here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from brightline import __version__

CHUNK_BYTES: Final = 1 << 20
DEADLINE_SECONDS: Final = 3_600.0
SOCKET_SECONDS: Final = 20


class FolderFetcher(FetcherInterface):
    """Reads a folder. An address is a path below it; nothing outside it is read, whatever a link says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._until = time.monotonic() + DEADLINE_SECONDS

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = (self._folder / url).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise DownloadHTTPError(f"{url} is not there", 404)
        return self._chunks(path)

    def _chunks(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                _in_time(self._until)
                yield chunk


class HttpFetcher(Urllib3Fetcher):
    """Reads over HTTP. No redirect is needed, because every file is named by what it is."""

    def __init__(self) -> None:
        super().__init__(SOCKET_SECONDS, app_user_agent=f"brightline/{__version__}")
        self._until = time.monotonic() + DEADLINE_SECONDS

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._timed(super()._fetch(url))

    def _timed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            _in_time(self._until)
            yield chunk


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise SlowRetrievalError(f"it takes longer than {DEADLINE_SECONDS:g} s")


__all__ = ["DownloadError", "FolderFetcher", "HttpFetcher"]
