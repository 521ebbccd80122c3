# SPDX-License-Identifier: Apache-2.0
"""``brightline channel``: the authority of our own parts, and the short certificates that it issues to them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from brightline.core.channel import AUTHORITY_DAYS_MAX, HOURS_MAX, PEM_BYTES_MAX, issue, make_authority, make_request
from brightline.core.errors import ConfigError
from brightline.files import read_within, write_private, write_text, write_whole
from brightline.shell.channel import CERTIFICATE, KEY, ROOTS, read_own
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock

REQUEST = "request.pem"
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.group()
def channel() -> None:
    """Mutual TLS between gateway and guard: an authority of your own, requests, and short certificates."""


@channel.command()
@click.argument("folder", type=_FOLDER)
@click.option("--domain", required=True, help="The trust domain, such as parts.example.org; it signs for no other.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, AUTHORITY_DAYS_MAX))
def authority(folder: Path, domain: str, days: int) -> None:
    """Make an authority: FOLDER/key.pem, which stays with whoever issues, and FOLDER/roots.pem, for every part.

    Keep the folder offline, beside the keys of the ceremony. Exit codes: 0 made; 2 it is there already, or bad usage.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    made = make_authority(domain, key, x509.random_serial_number(), SystemClock().unix(), days)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / KEY, _private(key))
    write_text(folder / ROOTS, made.decode("ascii"))
    click.echo(f"{folder / ROOTS} speaks for {domain}, {days} days; put it into the folder of every part")


@channel.command()
@click.argument("folder", type=_FOLDER)
def request(folder: Path) -> None:
    """Make the key of a part, FOLDER/key.pem, and FOLDER/request.pem, which goes to the authority. The key stays.

    Exit codes: 0 made; 2 a key is there already.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / KEY, _private(key))
    write_text(folder / REQUEST, make_request(key).decode("ascii"))
    click.echo(f"{folder / REQUEST} goes to the authority; what it issues becomes {folder / CERTIFICATE}")


@channel.command("issue")
@click.argument("authority_folder", metavar="AUTHORITY", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("request_file", metavar="REQUEST", type=_FILE)
@click.option("--identity", required=True, metavar="SPIFFE-ID", help="Whom it names: spiffe://DOMAIN/guard/default.")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, HOURS_MAX), help="How long it holds.")
@click.option("--out", required=True, type=_OUT, help="The certificate; one that is there is replaced.")
def issue_command(authority_folder: Path, request_file: Path, identity: str, hours: int, out: Path) -> None:
    """Issue a certificate for the key of a request, with the authority in the folder AUTHORITY.

    A part that runs takes it by itself within a second: issue the next one, by a timer, before half of its time is
    over. Nothing of the request is taken but its key.

    Exit codes: 0 issued; 2 something given cannot be read or is not allowed.
    """
    path = authority_folder / KEY
    try:
        key = load_pem_private_key(read_within(path, PEM_BYTES_MAX), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} holds no key of an authority") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds another kind of key than one on P-256")
    asked, root = read_within(request_file, PEM_BYTES_MAX), read_within(authority_folder / ROOTS, PEM_BYTES_MAX)
    made = issue(asked, identity, root, key, x509.random_serial_number(), SystemClock().unix(), hours)
    write_whole(out, made)
    click.echo(f"{out} names {identity} for {hours} hours")


@channel.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(folder: Path, as_json: bool) -> None:
    """Show whom FOLDER/certificate.pem names, until when, and the digest of its key, which attestation binds.

    Exit codes: 0 it is in date; 1 it has ended; 2 it is no certificate of a part.
    """
    own = read_own(folder)
    until = datetime.fromtimestamp(own.until, UTC).isoformat()
    if as_json:
        click.echo(render.as_json({"identity": own.identity, "until": until, "key_digest": own.key_digest.hex()}))
    else:
        rows = [("identity", own.identity), ("until", until), ("key digest", own.key_digest.hex())]
        render.table("The channel", ["what", "value"], rows)
    if own.until <= SystemClock().unix():
        raise SystemExit(1)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
