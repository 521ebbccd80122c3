# SPDX-License-Identifier: Apache-2.0
"""A judge over HTTP, asked from a worker process: one address, pinned roots, no proxy, no redirect, nothing kept.

What it is asked and what it answers is never written down; an error names its kind alone. The deadline is kept by
killing the process (``process.py``), the timeout here ends what hangs before.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import Part
from brightline.core.screening.finding import Finding, Segment
from brightline.core.screening.prompt import SPEAKER
from brightline.core.screening.remote import RemoteJudge, findings_of_remote, question_of, score_of
from brightline.folders import folder_reader

ANSWER_BYTES_MAX: Final = 256 * 1024
KEY_BYTES_MAX: Final = 4_096


class HttpJudge:
    """Asks a remote judge, fact by fact, over one connection for each batch."""

    def __init__(self, judge: RemoteJudge, detector: str, folder: Path, key_file: str = "") -> None:
        """``folder`` is the release's; ``key_file`` holds what is sent as bearer token. Raises ``ReleaseError``."""
        self._judge = judge
        self._detector = detector
        self._place = urlsplit(judge.url)
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if key_file:
            key = Path(key_file).read_bytes()[:KEY_BYTES_MAX].strip()
            self._headers["authorization"] = f"Bearer {key.decode('ascii')}"
        self._tls = None if judge.roots is None else _trusting(judge.roots, folder)
        self._seconds = judge.deadline_ms / 1000

    def judge(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        """Judge each segment for the facts that are open in it, the same words once.

        Raises whatever goes wrong: nothing was judged.
        """
        scored = []
        known: dict[bytes, float] = {}
        connection = self._connect()
        try:
            for number, segment in enumerate(segments):
                if len(segment.text) > self._judge.chars_max:
                    raise OverflowError("a text is too long for this judge")
                exchange = SPEAKER[segment.surface] + segment.text
                for asked in self._judge.ask:
                    fact = asked.constitution.fact
                    if not segment.open or fact in segment.open:
                        body = msgspec.json.encode(question_of(self._judge, asked, exchange))
                        if body not in known:
                            known[body] = score_of(self._judge, self._post(connection, body))
                        scored.append((number, segment.view or "text", fact, known[body]))
        finally:
            connection.close()
        return findings_of_remote(self._judge, self._detector, scored)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._place.hostname or "", self._place.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._seconds)
        return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._tls)

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> bytes:
        connection.request("POST", self._place.path or "/", body, self._headers)
        answer = connection.getresponse()
        data = answer.read(ANSWER_BYTES_MAX + 1)
        if answer.status != 200 or len(data) > ANSWER_BYTES_MAX:
            raise ConnectionError("the judge did not answer 200, or at too great length")
        return data


def _trusting(roots: Part, folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or later, to whoever has a certificate under these roots and no others."""
    data = folder_reader(folder)(roots.file)
    found = hashlib.sha256(data).hexdigest()
    if found != roots.sha256:
        raise ReleaseError(f"{roots.file} has digest {found}; the release pins {roots.sha256}")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ReleaseError(f"{roots.file} holds no root certificates: {error}") from error
    return context
