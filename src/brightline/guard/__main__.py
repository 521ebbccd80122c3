# SPDX-License-Identifier: Apache-2.0
"""``brightline guard``, and ``python -m brightline.guard`` where the gateway's dependencies are not installed."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.guard.service import guard_vkey, make_guard, open_door, open_guard
from brightline.guard.settings import GuardSettings, read_settings
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving, until_signalled
from brightline.terminal import run


@click.group()
def guard() -> None:
    """Beside the model server: answer to nothing but the gateway's pass tokens, each once."""


@guard.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--upstream", required=True, help="The model server's name in the gateway's installation.")
@click.option("--model-url", required=True, help="Base URL of the model server, without /v1.")
@click.option("--gateway", "gateways", multiple=True, required=True, metavar="HEX", help="A gateway's token key.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--name", default="guard", show_default=True, help="The name of its log.")
@click.option(
    "--model-socket", default="", help="Unix socket that the model server listens on, in place of its address."
)
@click.option("--channel", default="", metavar="FOLDER", help="Folder of its channel, for mutual TLS with gateways.")
@click.option("--channel-gateway", "peers", multiple=True, metavar="ID", help="SPIFFE ID of a gateway that may speak.")
def init(
    folder: Path,
    upstream: str,
    model_url: str,
    gateways: tuple[str, ...],
    host: str,
    port: int,
    name: str,
    model_socket: str,
    channel: str,
    peers: tuple[str, ...],
) -> None:
    """Make a guard's folder. `brightline key STATE` prints a gateway's token key."""
    wanted: dict[str, object] = {
        "upstream": upstream,
        "model_url": model_url,
        "gateways": list(gateways),
        "host": host,
        "port": port,
        "name": name,
        "model_socket": model_socket,
    }
    if bool(channel) != bool(peers):
        raise ConfigError("a channel is a folder, and those who may speak over it: --channel and --channel-gateway")
    if channel:
        wanted["channel"] = {"folder": channel, "gateways": list(peers)}
    try:
        settings = msgspec.convert(wanted, GuardSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"a guard cannot be made so: {error}") from error
    make_guard(folder, settings)
    click.echo(f"made {folder}; next: brightline guard serve {folder}, and let the model listen to nobody else")
    click.echo(f'in the gateway\'s brightline.toml, under [upstream.{upstream}]: guard = "{guard_vkey(folder)}"')


@guard.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def serve(folder: Path) -> None:
    """Serve until interrupted."""
    import uvloop

    uvloop.run(_serve(folder))


async def _serve(folder: Path) -> None:
    settings, clock = read_settings(folder), SystemClock()
    listener = bind(settings.host, settings.port)
    async with open_guard(folder, clock) as app:
        door = open_door(folder, settings, app, clock)
        async with serving(app, listener, door) as url:
            behind = settings.model_socket or settings.model_url
            click.echo(f"The guard of {settings.upstream} serves {url}; behind it {behind}")
            await until_signalled()


def main() -> None:
    """Run a command, and end with its exit code."""
    run(guard)


if __name__ == "__main__":
    main()
