# SPDX-License-Identifier: Apache-2.0
"""Settings of what people meet: the reviewers' queue, the way into the console, and where callers are told.

None of them says who may do what: that is the roster's, which both parties sign. So each of these bounds how much
waits, how long somebody sits before a page, and where a message without content goes.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from brightline.core.review.roles import Role
from brightline.core.review.telling import Network, may_be_told
from brightline.shell.settings_table import SettingsTable


class ReviewSettings(SettingsTable):
    """Bounds on what waits for people, and the queue of reviewers. Who they are and what they may settle is signed."""

    holds_per_unit: int = Field(
        1_000, ge=1, le=100_000, description="Holds of one unit that may wait for people; more exchanges are refused."
    )
    appeals_per_day: int = Field(
        20, ge=0, le=1_000, description="Appeals that the workloads of one unit may ask their official for in a day."
    )
    waiting_max: int = Field(1_000, ge=0, le=100_000, description="Callers that may wait for an answer at a time.")
    sampled_per_million: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Permitted exchanges of a million that are drawn for cleared people to look at; the agreement may "
        "want more. It changes no verdict. Within a month it only rises.",
    )
    queue_age_alarm_seconds: int = Field(
        14_400, ge=0, description="Longest wait in the queue from where on the figures show an alarm; 0: never."
    )
    minutes_per_thousand_alarm: float = Field(
        30.0, ge=0, description="Minutes of reviewers per 1,000 requests from where on they do; 0: never."
    )
    queue_url: str = Field(
        "",
        pattern=r"^(sqlite:///.+|postgresql://.+)?$",
        max_length=1_024,
        description="Database of the reviewers' queue: `sqlite:///queue.sqlite`, relative to the state folder, or "
        "`postgresql://USER@HOST/DATABASE`; empty: no queue, and no claims. Needs the extra `console`.",
    )
    queue_password_file: str = Field(
        "", pattern=r"^(/[!-~]*)?$", description="Path of a file that holds the database's password; empty: none."
    )
    lease_seconds: int = Field(
        600, ge=60, le=3_600, description="How long a claim holds unless its reviewer goes on with it."
    )
    due_minutes_critical: int = Field(
        60,
        ge=1,
        le=100_000,
        description="Minutes within which a case that a red line asks about should be decided.",
    )
    due_minutes_high: int = Field(240, ge=1, le=100_000, description="The same where a deny asks.")
    due_minutes_normal: int = Field(720, ge=1, le=100_000, description="The same where an approval is missing.")
    break_after_cases: int = Field(
        25, ge=0, le=10_000, description="Cases that one person claims before a break is due; 0: no such limit."
    )
    break_after_minutes: int = Field(
        60, ge=0, le=1_440, description="Minutes at cases before a break is due; 0: no such limit."
    )
    break_minutes: int = Field(10, ge=1, le=1_440, description="How long a break is.")
    cases_per_day: int = Field(
        150, ge=0, le=1_000, description="Cases that one person claims within 24 hours; 0: no such limit."
    )
    skips_in_row_max: int = Field(
        3, ge=0, le=1_000, description="Skips without an answer in between that are not shown."
    )
    skips_per_day_max: int = Field(10, ge=0, le=1_000, description="Skips within 24 hours that are not shown.")


class LoginSettings(SettingsTable):
    """How long somebody may sit before the console. Who may come in is signed."""

    session_minutes: int = Field(480, ge=5, le=720, description="Longest session, whatever is done in it.")
    idle_minutes: int = Field(15, ge=1, le=60, description="A session in which nothing is done ends after this.")


class OidcSettings(SettingsTable):
    """An OpenID provider through which people may come in too. What it says takes away from the roster, never adds."""

    issuer: str = Field(
        "",
        pattern=r"^((https://|http://(localhost|127\.0\.0\.1)(:|/|$))[!-~]*)?$",
        description="The provider, exactly as its metadata names it; empty: passkeys alone.",
    )
    client_id: str = Field("", max_length=256, description="What the provider knows the console by.")
    client_secret_file: str = Field(
        "",
        pattern=r"^(/[!-~]*)?$",
        description="Path of a file that holds the secret; empty: a public client, by PKCE.",
    )
    scope: str = Field("openid", max_length=256, description="Scopes to ask for; `openid` is among them.")
    person_claim: str = Field(
        "sub", min_length=1, max_length=64, description="The claim that holds somebody's id on the roster."
    )
    roles_claim: str = Field("", max_length=64, description="The claim that lists roles; empty: the roster's.")
    roles: dict[str, str] = Field(
        default_factory=dict, description="The provider's words for roles, each with ours; empty: the same words."
    )
    level_claim: str = Field("", max_length=64, description="The claim with a clearance's level; empty: the roster's.")
    compartments_claim: str = Field(
        "", max_length=64, description="The claim that lists compartments; empty: the roster's."
    )
    until_claim: str = Field(
        "", max_length=64, description="The claim with the end of a clearance, in Unix seconds; empty: the roster's."
    )

    @field_validator("roles")
    @classmethod
    def _are_roles(cls, roles: dict[str, str]) -> dict[str, str]:
        for word, role in roles.items():
            if role not in {each.value for each in Role}:
                raise ValueError(f"{word!r} stands for {role!r}, which is no role")
        return roles

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("an issuer needs a client_id")
        if "openid" not in self.scope.split():
            raise ValueError("openid is among the scopes")
        return self


class WebhookSettings(SettingsTable):
    """Where one workload's own server is told that people have decided a hold. No content goes there."""

    url: str = Field(pattern=r"^https://[!-~]+$", max_length=1_024, description="Where the message is posted.")
    secret_file: str = Field(
        pattern=r"^/[!-~]*$",
        description="Path of a file with the secret that both sides know: `whsec_` and at least 24 bytes in base64.",
    )
    roots: str = Field("", description="PEM file of the only roots believed over TLS; empty believes the system's.")
    networks: list[str] = Field(
        [],
        max_length=64,
        description="Networks that are not public in which the server may lie (`10.1.0.0/16`); without any, none.",
    )

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network)
        return networks

    @model_validator(mode="after")
    def _may_be_reached(self) -> Self:
        host = urlsplit(self.url).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return self  # a name, which is looked at when it is resolved
        if not may_be_told(host, self.reached):
            raise ValueError(f"{host} is not public, and lies in none of the networks")
        return self

    @property
    def reached(self) -> tuple[Network, ...]:
        """The networks."""
        return tuple(ip_network(network) for network in self.networks)
