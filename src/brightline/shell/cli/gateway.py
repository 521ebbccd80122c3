# SPDX-License-Identifier: Apache-2.0
"""``brightline init`` and ``brightline serve``."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import click
from click.core import ParameterSource

from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, parse_toml
from brightline.files import read_within
from brightline.shell.cli import render
from brightline.shell.cli.pairs import pairs
from brightline.shell.cli.workers import serve_with_workers
from brightline.shell.clock import SystemClock
from brightline.shell.config import FILE_BYTES_MAX, Settings, check_settings, load_settings
from brightline.shell.install import GATEWAY_SHARD, ModelChoice, init_state
from brightline.shell.node import Node
from brightline.shell.opening import open_agreement
from brightline.shell.registry.log import log_signer
from brightline.shell.serve import bind, rest_the_collector, serving, until_signalled
from brightline.shell.shipped import read_release
from brightline.shell.state import StateFolder
from brightline.shell.storage.releases import release_folder
from brightline.shell.telemetry.logs import write_logs
from brightline.shell.trust.keys import load_key, public_hex
from brightline.wiring import open_node

_TOML = """\
# Deployment settings of a Brightline gateway: addresses, paths, sizes, the network's deadlines.
# Nothing here can change a verdict; docs/for-deployment-engineers.md explains each setting.

[listen]
host = "{host}"
port = {port}

[upstream.default]
url = "{url}"
key_env = "{key_env}"

[evidence]
directory = "evidence"
"""


@click.command()
@click.argument("state", type=click.Path(path_type=Path))
@click.option("--upstream", "url", default="http://127.0.0.1:8000", show_default=True, help="Model server's base URL.")
@click.option("--upstream-key-env", "key_env", default="", help="Environment variable with the model server's key.")
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    help="Model to admit: NAME, or NAME=UPSTREAM_NAME if the model server knows it by another name.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="Port; 0 takes a free one."
)
@click.option(
    "--settings",
    "ready",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A ready settings file, as `brightline import` writes it, in place of --upstream, --host and --port.",
)
@click.option(
    "--served-by",
    "served_by",
    multiple=True,
    metavar="MODEL=UPSTREAM",
    help="Which upstream of the settings serves a model; needed where they have several.",
)
@click.pass_context
def init(
    context: click.Context,
    state: Path,
    url: str,
    key_env: str,
    models: tuple[str, ...],
    host: str,
    port: int,
    ready: Path | None,
    served_by: tuple[str, ...],
) -> None:
    """Make a state folder in the development profile: keys, trust roots, signed installation, settings."""
    if ready is not None:
        toml, settings = _read_ready(context, ready)
    else:
        toml, settings = _write_toml(url, key_env, host, port)
    choices = _choices(models, pairs(served_by, "--served-by"), settings)
    agreement = open_agreement(settings)
    release = read_release(release_folder(settings), agreement.vocabulary)
    init_state(state, toml, settings, agreement, release, choices, SystemClock())
    click.echo(f"made {state} in the development profile: both parties' keys are local, and every record says so")
    click.echo(f"agreement {agreement.id} ({agreement.digest[:19]}…), release {release.id} ({release.digest[:19]}…)")
    click.echo(f"next: brightline workload add {state} ID --unit … --purpose … ; brightline serve {state}")


def _read_ready(context: click.Context, path: Path) -> tuple[str, Settings]:
    """A settings file that is there. Raises ``ConfigError``."""
    for name in ("url", "key_env", "host", "port"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise ConfigError("--settings says where the model servers are and where to listen; give it alone")
    try:
        toml = read_within(path, FILE_BYTES_MAX)
        settings = parse_toml(toml, FILE_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return toml.decode(), check_settings(settings, str(path))


def _write_toml(url: str, key_env: str, host: str, port: int) -> tuple[str, Settings]:
    """Settings of one model server. Raises ``ConfigError``."""
    data: dict[str, object] = {
        "listen": {"host": host, "port": port},
        "upstream": {"default": {"url": url, "key_env": key_env}},
    }
    settings = check_settings(data, "options")
    for value in (host, url, key_env):
        if any(mark in value for mark in '"\\\n'):
            raise click.BadParameter("quotes, backslashes and line ends have no place here")
    return _TOML.format(host=host, port=port, url=url, key_env=key_env), settings


def _choices(models: tuple[str, ...], served_by: dict[str, str], settings: Settings) -> tuple[ModelChoice, ...]:
    """The models to admit, each with its server. Raises ``ConfigError``."""
    named = [(name, upstream_model or name) for name, _, upstream_model in (model.partition("=") for model in models)]
    if unknown := served_by.keys() - {name for name, _ in named}:
        raise ConfigError(f"--served-by names {min(unknown)!r}, which no --model admits")
    own = [name for name, server in settings.upstream.items() if not server.same_as]
    choices = []
    for name, upstream_model in named:
        server = served_by.get(name, own[0] if len(own) == 1 else "")
        if server not in own:
            raise ConfigError(
                f"say by which of {', '.join(own) or 'no upstream'} {name} is served: --served-by {name}=…"
            )
        choices.append(ModelChoice(name, upstream_model, server))
    return tuple(choices)


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--log", "of_log", is_flag=True, help="The verifier key of its log, for a witness or an auditor.")
@click.option("--shard", default=GATEWAY_SHARD, show_default=True, help="The log, if it is not the first gateway's.")
def key(state: Path, of_log: bool, shard: str) -> None:
    """Print the public key of this gateway's pass tokens, for a guard to pin."""
    folder = StateFolder(state)
    if of_log:
        click.echo(log_signer(folder, load_settings(state), shard).verifier.vkey())
        return
    click.echo(public_hex(load_key(folder.key("token"))))


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--shard", default=GATEWAY_SHARD, show_default=True, help="The shard that this process writes.")
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that serve the port, in place of those in the settings."
)
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, in place of the one in the settings.")
@click.option(
    "--admin-port", type=click.IntRange(0, 65_535), help="Port of metrics, in place of that in the settings."
)
def serve(state: Path, shard: str, workers: int | None, port: int | None, admin_port: int | None) -> None:
    """Serve until interrupted. Several processes of one installation each write a shard of their own.

    With several workers the first writes the shard, the others one with -w1, -w2 … at the end of its name; metrics are
    on as many ports from the first on.
    """
    settings = load_settings(state)
    write_logs(settings.telemetry.log_format)
    workers = workers or settings.listen.workers
    port = settings.listen.port if port is None else port
    admin_port = settings.admin.port if admin_port is None else admin_port
    if workers > 1:
        serve_with_workers(state, settings, shard, workers, port, admin_port)
        return
    import uvloop

    uvloop.run(_serve(state, settings, shard, port, admin_port))


async def _serve(state: Path, settings: Settings, shard: str, port: int, admin_port: int | None) -> None:
    listener = bind(settings.listen.host, port)
    for_operators = None if admin_port is None else bind(settings.admin.host, admin_port)
    async with (
        open_node(state, SystemClock(), shard) as node,
        _admin(node, for_operators),
        serving(node.app, listener, node.door) as url,
    ):
        rest_the_collector()
        attester = node.lease.attester.name
        click.echo(
            render.banner(url, node.terms.profile, node.agreement.id, node.release.id, node.release.note, attester)
        )
        for check in node.readiness.checks():
            for why in check.why:
                click.echo(f"not ready: {check.condition}: {why}\n  {check.condition.mend}", err=True)
        await until_signalled()
        click.echo("draining", err=True)


@contextlib.asynccontextmanager
async def _admin(node: Node, listener: socket.socket | None) -> AsyncIterator[None]:
    """Serve metrics where a listener was bound for them."""
    if listener is None:
        yield
        return
    async with serving(node.admin, listener) as url:
        click.echo(f"metrics at {url}/metrics", err=True)
        yield
