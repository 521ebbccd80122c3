# SPDX-License-Identifier: Apache-2.0
"""``brightline console``: the pages on which cleared people read what is held, and sign what they know of it."""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, until_signalled
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_installation, read_roots

PORT: Final = 8092
_NEEDED: Final = ("starlette", "python_multipart", "sqlalchemy", "authlib", "joserfc")


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65_535), help="0: a free one.")
@click.option(
    "--origin",
    default="",
    metavar="URL",
    help="Where browsers find it, `https://NAME`, as both parties pinned it for passkeys; without it, this machine.",
)
def console(state: Path, host: str, port: int, origin: str) -> None:
    """Serve the review console of STATE until interrupted. It is a process of its own and needs no gateway.

    It speaks plain HTTP: beyond this machine put a proxy with TLS before it, and give `--origin`. In development it
    prints a word, with which whoever started it may come in as anybody on the roster.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"the console needs {', '.join(missing)}: install brightline[console]")
    asyncio.run(_serve(state, host, port, origin))


async def _serve(state: Path, host: str, port: int, origin: str) -> None:
    from brightline.console.serve import serving_console

    folder = StateFolder(state)
    installation = read_installation(folder.installation, read_roots(folder.roots), SystemClock().unix())
    word = secrets.token_urlsafe(9) if installation.review.software_keys else ""
    async with serving_console(state, bind(host, port), origin=origin, word=word) as url:
        click.echo(f"console at {url}/")
        if word:
            click.echo(f"development: come in as anybody with the word {word}")
        await until_signalled()
        click.echo("draining", err=True)
