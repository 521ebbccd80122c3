# SPDX-License-Identifier: Apache-2.0
"""``brightline import``: another gateway's configuration, as far as it maps, and by name what does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.shell.cli import render
from brightline.shell.cli.pairs import pairs
from brightline.shell.importing.documents import Value, read_documents
from brightline.shell.importing.envoy import is_envoy, read_envoy
from brightline.shell.importing.litellm import is_litellm, read_litellm
from brightline.shell.importing.nemo import is_nemo, read_nemo
from brightline.shell.importing.plan import Left, Plan
from brightline.shell.importing.write import Written, init_line, write_settings

_READERS: Final[dict[str, tuple[Callable[[list[Value]], bool], Callable[[list[Value], Mapping[str, str]], Plan]]]] = {
    "litellm": (is_litellm, read_litellm),
    "envoy": (is_envoy, read_envoy),
    "nemo": (is_nemo, read_nemo),
}
_NAMES: Final = ("config.yml", "config.yaml")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--from", "kind", type=click.Choice(sorted(_READERS)), help="Whose it is; without it, seen from the file."
)
@click.option(
    "--out",
    default="brightline.toml",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file to write; one that is there is not replaced.",
)
@click.option("--state", default="STATE", show_default=True, help="The state folder, for the line to run.")
@click.option("--address", "addresses", multiple=True, metavar="VARIABLE=URL", help="A URL that lies in a variable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def import_(
    context: click.Context,
    file: Path,
    kind: str | None,
    out: Path,
    state: str,
    addresses: tuple[str, ...],
    as_json: bool,
) -> None:
    """Read a configuration of LiteLLM, NeMo Guardrails or Envoy AI Gateway and write settings for Brightline.

    FILE is YAML, or the folder of a NeMo configuration. Models, servers, deadlines and names of variables with keys
    are carried over; what is not is listed with its reason. A secret is never copied. Exit code 1 if a secret lies
    in the file in the clear, 2 if nothing could be carried over.
    """
    plan = _read(file, kind, pairs(addresses, "--address"))
    written = write_settings(plan)
    _write_new(out, written.toml)
    line = init_line(plan, written, state, out)
    if as_json:
        click.echo(render.as_json(_json(plan, written, out, line)))
    else:
        _show(plan, written, out, line)
    if plan.secrets:
        context.exit(1)


def _read(file: Path, kind: str | None, addresses: Mapping[str, str]) -> Plan:
    others: list[str] = []
    if file.is_dir():
        others = sorted(path.name for path in file.iterdir() if path.name not in _NAMES)[:100]
        file = next((file / name for name in _NAMES if (file / name).is_file()), file / _NAMES[0])
    documents = read_documents(file)
    if kind is None:
        kind = next((name for name, (fits, _) in _READERS.items() if fits(documents)), None)
    if kind is None:
        raise ConfigError(f"{file} is no configuration that is known here; --from names whose it is")
    if not documents:
        raise ConfigError(f"{file} holds nothing")
    plan = _READERS[kind][1](documents, addresses)
    left = tuple(Left(name, "other files are not read") for name in others)
    return msgspec.structs.replace(plan, left=(*plan.left, *left))


def _write_new(path: Path, toml: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(toml)
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already; take another name with --out") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _json(plan: Plan, written: Written, out: Path, line: str) -> dict[str, object]:
    rows = msgspec.to_builtins(plan)
    for model in rows["models"]:
        model["upstream"] = written.served_by[model["name"]]
    return {**rows, "settings": str(out), "init": line}


def _show(plan: Plan, written: Written, out: Path, line: str) -> None:
    models = []
    for model in plan.models:
        servers = ", ".join(server.url for server in model.servers)
        keys = ", ".join(dict.fromkeys(server.key_env for server in model.servers if server.key_env))
        models.append([model.name, model.upstream_model, written.served_by[model.name], servers, keys])
    columns = ["model", "at its server", "upstream", "addresses", "key in"]
    render.table(f"Carried over from {plan.kind}", columns, models)
    if plan.left:
        render.table("Not carried over", ["what", "why"], [[left.where, left.why] for left in plan.left])
    if plan.secrets:
        rows = [[secret.where, secret.key_env or "(not needed here)"] for secret in plan.secrets]
        render.table("Secrets in the clear, not copied; change them", ["where", "put the new one into"], rows)
    for note in plan.notes:
        click.echo(f"note: {render.plain(note)}")
    click.echo(f"wrote {out}; next:\n  {line}")
