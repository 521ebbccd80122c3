# SPDX-License-Identifier: Apache-2.0
"""Deployment settings: addresses, paths, sizes and the network's deadlines. Nothing here can change a verdict.

What can (detectors, thresholds, hold-back, the screening deadline) lives in the signed agreement or in the classifier
release. Unknown keys are refused, so that a misspelt setting never looks as if it were in force.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError, field_validator

from brightline.core.errors import ConfigError
from brightline.core.evidence.note import VerifierKey
from brightline.core.toml import TomlError, parse_toml
from brightline.shell.people_settings import LoginSettings, OidcSettings, ReviewSettings, WebhookSettings
from brightline.shell.settings_table import Seconds, SettingsTable
from brightline.shell.telemetry.logs import LogFormat

FILE_NAME: Final = "brightline.toml"
FILE_BYTES_MAX: Final = 1_048_576
KEY_BYTES_MAX: Final = 4_096


class ListenSettings(SettingsTable):
    """Where the gateway listens."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one and prints it.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve this port; each writes a shard of its own. What is bounded here, each has.",
    )
    drain_seconds: Seconds = Field(
        30.0, description="Longest time that exchanges under way have to finish once the gateway is told to stop."
    )
    head_seconds: Seconds = Field(10.0, description="Longest time a client may take to send a request's head.")
    idle_seconds: Seconds = Field(30.0, description="Longest time a connection is kept that asks nothing more.")
    connections_max: int = Field(
        4_096,
        ge=8,
        le=100_000,
        description="Connections at once; beyond, whoever has asked nothing longest makes room.",
    )
    body_seconds: Seconds = Field(30.0, description="Longest time a client may take to send its body.")
    write_seconds: Seconds = Field(30.0, description="Longest time a client may take to accept one chunk.")
    exchanges_max: int = Field(512, ge=1, le=100_000, description="Exchanges under way at once; more wait.")
    unit_exchanges_max: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Exchanges of one unit under way at once; not given: seven eighths of `exchanges_max`.",
    )
    unsent_max: int = Field(
        32, ge=1, le=10_000, description="Exchanges at once that no model has yet: all of it is our own work."
    )
    waiting_max: int = Field(256, ge=0, le=100_000, description="Requests that wait for a place; more are shed.")
    wait_seconds: Seconds = Field(1.0, description="Longest time a request waits for a place before it is shed.")

    @property
    def of_one_unit(self) -> int:
        """Exchanges of one unit at once: what is left is for others, also where all of them take long."""
        return self.unit_exchanges_max or -(-7 * self.exchanges_max // 8)


class AdminSettings(SettingsTable):
    """Where operators read metrics: a listener of its own, because how much somebody uses a model is sensitive."""

    host: str = Field("127.0.0.1", description="Address to listen on; whoever reaches it can read it.")
    port: int | None = Field(None, ge=0, le=65_535, description="Port to listen on; not given: no such listener.")


class TelemetrySettings(SettingsTable):
    """Log lines and traces. None of them ever holds content."""

    log_format: LogFormat = Field(LogFormat.TEXT, description="`text` or `json`, one line each, to standard error.")
    traces: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OTLP/HTTP endpoint for a span of each exchange, such as http://127.0.0.1:4318/v1/traces; "
        "empty: none. Needs the extra `otel`.",
    )

    @field_validator("log_format", mode="before")
    @classmethod
    def _is_format(cls, given: object) -> object:
        return LogFormat(given) if isinstance(given, str) else given


class InferenceSettings(SettingsTable):
    """The processes in which parts of the release run. What they judge by is the signed release's."""

    workers: int = Field(1, ge=1, le=64, description="Processes for each such detector.")
    memory_mb: int = Field(
        4_096, ge=256, le=1_048_576, description="Address space of one, in MiB; beyond that it dies and is replaced."
    )
    weights: str = Field(
        "", description="Folder in which weights are looked for first; empty: the release's, then installed packages."
    )
    judge_workers: int = Field(1, ge=1, le=64, description="Processes for the release's judge, if it has one.")
    judge_threads: int = Field(1, ge=1, le=64, description="Threads of each of them.")
    judge_key_file: str = Field("", description="File with the key of a judge that answers elsewhere; empty: none.")
    judge_memory_mb: int = Field(8_192, ge=256, le=1_048_576, description="Address space of each, in MiB.")


class UpstreamSettings(SettingsTable):
    """One model server."""

    url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="Base URL, without /v1.")
    key_env: str = Field("", description="Name of the environment variable that holds the model server's key.")
    key_file: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Path of a file that holds the key, in place of `key_env`: a credential of systemd's, a mounted "
        "secret.",
    )
    same_as: str = Field("", description="Name of another upstream; this one serves the same models, in turn with it.")
    roots: str = Field("", description="PEM file of the only roots believed over TLS; empty believes the system's.")
    probe_path: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Path that answers 200 while the server is well; empty: `/readyz` of a guard, else a connection "
        "is enough.",
    )
    connect_seconds: Seconds = Field(5.0, description="Longest time to connect.")
    first_byte_seconds: Seconds = Field(120.0, description="Longest time to the first byte of an answer's body.")
    idle_seconds: Seconds = Field(120.0, description="Longest silence of the model server.")
    total_seconds: Seconds = Field(900.0, description="Longest time for one answer.")
    connections_max: int = Field(256, ge=1, le=10_000, description="Connections kept at most.")
    guard: str = Field(
        "",
        max_length=1_024,
        description="Verifier key of the log of the guard before it; empty: none, and every PERIOD says so.",
    )

    channel: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Folder with `certificate.pem`, `key.pem` and `roots.pem`: mutual TLS with the guard, known by "
        "its `identity`; empty: none, which the production profile refuses.",
    )
    identity: str = Field(
        "",
        pattern=r"^(spiffe://[!-~]+)?$",
        max_length=2_048,
        description="SPIFFE ID of the guard at the other end of the channel.",
    )

    @field_validator("url")
    @classmethod
    def _is_base(cls, url: str) -> str:
        if url.rstrip("/").endswith("/v1"):
            raise ValueError("give it without /v1, which each path begins with")
        return url

    @field_validator("guard")
    @classmethod
    def _is_key(cls, vkey: str) -> str:
        if vkey:
            VerifierKey.parse(vkey)
        return vkey


class EvidenceSettings(SettingsTable):
    """Where evidence is written."""

    directory: str = Field("evidence", description="Public part of the log, relative to the state folder.")
    publish_seconds: Seconds = Field(0.2, description="How often tiles and checkpoint are written.")
    workload_bytes_per_day: int = Field(
        20_000_000_000,
        ge=1_000_000,
        description="Evidence that one workload may have this gateway write in a day (UTC).",
    )
    unit_bytes_per_day: int = Field(
        20_000_000_000, ge=1_000_000, description="Evidence that one unit may have this gateway write in a day (UTC)."
    )
    origin: str = Field("brightline.local", description="Prefix of the log's origin line; permanent once used.")


class AttestationSettings(SettingsTable):
    """How this machine is asked what it is. What is accepted of it is signed, in the installation."""

    command: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Program that is given a challenge and prints evidence; empty: the development attester.",
    )
    software_tpm: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Socket of a TPM in software (swtpm), for development alone; asked where no program is named.",
    )


class PatternSettings(SettingsTable):
    """Where the counts of people are kept. What is counted, and how many are too many, the agreement says."""

    database_url: str = Field(
        "",
        pattern=r"^(postgresql://[!-~]+)?$",
        max_length=1_024,
        description="Database in which gateways on several machines share counts: `postgresql://USER@HOST/DATABASE`; "
        "empty: a file in the state folder, which the gateways of one machine share. Needs the extra `console`.",
    )
    database_password_file: str = Field(
        "", pattern=r"^(/[!-~]*)?$", description="Path of a file that holds its password; empty: none."
    )
    reader: str = Field(
        "",
        pattern=r"^(rampart)?$",
        description="Token classifier that reads exchanges for names once more after they ended: `rampart`; empty: "
        "none. It adds to the counts and takes nothing away. Needs the extra `persons` and its package of weights.",
    )
    reader_waiting_max: int = Field(
        1_000, ge=1, le=100_000, description="Exchanges that wait for it; what finds no room is not read, on record."
    )
    reader_waiting_mb: int = Field(64, ge=1, le=65_536, description="Memory of their texts, in MiB.")
    reader_memory_mb: int = Field(
        1_024, ge=512, le=1_048_576, description="Address space of its process, in MiB; beyond that it is replaced."
    )


class HuntSettings(SettingsTable):
    """Where the work of hunts is kept: which shard somebody looks at, and what came of it."""

    database_url: str = Field(
        "",
        pattern=r"^(postgresql://[!-~]+)?$",
        max_length=1_024,
        description="Database in which several machines share the work of a hunt: `postgresql://USER@HOST/DATABASE`; "
        "empty: a file in the folder of the hunt, for the processes of one machine. Needs the extra `console`.",
    )
    database_password_file: str = Field(
        "", pattern=r"^(/[!-~]*)?$", description="Path of a file that holds its password; empty: none."
    )


class AgreementSettings(SettingsTable):
    """Which agreement and release files to load. Their digests are pinned by the signed installation."""

    directory: str = Field("", description="Folder with agreement.toml; empty takes the one that is shipped.")
    release: str = Field("", description="Folder with release.toml; empty takes the one that is shipped.")


class Settings(SettingsTable):
    """The whole of ``brightline.toml``."""

    listen: ListenSettings = ListenSettings()
    upstream: dict[str, UpstreamSettings] = Field(
        default_factory=dict,
        description="Model servers by name; the signed installation says which serves which model.",
    )

    @field_validator("upstream")
    @classmethod
    def _are_there(cls, servers: dict[str, UpstreamSettings]) -> dict[str, UpstreamSettings]:
        for name, server in servers.items():
            other = servers.get(server.same_as)
            if server.same_as and (other is None or other.same_as or server.same_as == name):
                raise ValueError(f"{name}.same_as names {server.same_as!r}, which is no upstream of its own")
        return servers

    webhook: dict[str, WebhookSettings] = Field(
        default_factory=dict, description="By workload, where its own server is told that people have decided."
    )
    evidence: EvidenceSettings = EvidenceSettings()
    agreement: AgreementSettings = AgreementSettings()
    patterns: PatternSettings = PatternSettings()
    hunt: HuntSettings = HuntSettings()
    attestation: AttestationSettings = AttestationSettings()
    admin: AdminSettings = AdminSettings()
    inference: InferenceSettings = InferenceSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    review: ReviewSettings = ReviewSettings()
    login: LoginSettings = LoginSettings()
    oidc: OidcSettings = OidcSettings()


def load_settings(state: Path) -> Settings:
    """Read ``brightline.toml`` of a state folder. Raises ``ConfigError`` naming each wrong key."""
    path = state / FILE_NAME
    try:
        data = parse_toml(path.read_bytes(), FILE_BYTES_MAX)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; `brightline init` makes a state folder") from error
    except (OSError, TomlError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return check_settings(data, str(path))


def check_settings(data: dict[str, object], where: str) -> Settings:
    """Check settings that were read. Raises ``ConfigError``."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        rows = "; ".join(
            f"{'.'.join(str(part) for part in row['loc']) or 'settings'}: {row['msg']}" for row in error.errors()
        )
        raise ConfigError(f"{where}: {rows}") from error


def upstream_key(settings: UpstreamSettings) -> str:
    """The model server's key from its file or the environment; empty when none is named. Raises ``ConfigError``."""
    if settings.key_file:
        return _key_in(Path(settings.key_file))
    if not settings.key_env:
        return ""
    key = os.environ.get(settings.key_env, "")
    if not key:
        raise ConfigError(f"key_env names {settings.key_env}, which is not set")
    return key


def webhook_secret(settings: WebhookSettings) -> str:
    """The secret of a webhook from its file. Raises ``ConfigError``."""
    return _key_in(Path(settings.secret_file))


def queue_password(settings: ReviewSettings) -> str:
    """The password of the queue's database from its file; empty when none is named. Raises ``ConfigError``."""
    return _key_in(Path(settings.queue_password_file)) if settings.queue_password_file else ""


def counts_password(settings: PatternSettings) -> str:
    """The password of the database of the counts; empty when none is named. Raises ``ConfigError``."""
    return _key_in(Path(settings.database_password_file)) if settings.database_password_file else ""


def hunt_password(settings: HuntSettings) -> str:
    """The password of the database of hunts; empty when none is named. Raises ``ConfigError``."""
    return _key_in(Path(settings.database_password_file)) if settings.database_password_file else ""


def oidc_secret(settings: OidcSettings) -> str:
    """The secret that the provider knows the console by; empty for a public client. Raises ``ConfigError``."""
    return _key_in(Path(settings.client_secret_file)) if settings.client_secret_file else ""


def child_environment() -> dict[str, str]:
    """Of our environment what a child process needs to find the interpreter and its libraries; none of the keys."""
    passed = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in passed if name in os.environ}


def _key_in(path: Path) -> str:
    try:
        with path.open("rb") as file:
            key = file.read(KEY_BYTES_MAX + 1).strip()
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be read: {error.strerror}") from error
    if not key or len(key) > KEY_BYTES_MAX or not all(0x21 <= byte <= 0x7E for byte in key):
        raise ConfigError(f"the key file {path} holds no key: one line of printable ASCII is expected")
    return key.decode("ascii")
