# SPDX-License-Identifier: Apache-2.0
"""What whoever holds the medium, the server or some keys may try on a site, and with which words it is refused."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from brightline.core.errors import ConfigError, ReleaseError, TrustError, Unreachable
from brightline.shell.delivery import client
from brightline.shell.delivery.client import fetch, pin_root
from brightline.shell.delivery.fresh import NEVER, fresh_until, verified_versions
from brightline.shell.delivery.plan import ORGANISATIONS
from brightline.shell.delivery.repository import Repository
from tests.shell.delivery.sites import DAY, DAYS, STATEMENT, Site, edit, key, plan


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.release(1)
    return made


def test_what_both_organisations_sent_arrives_byte_for_byte(site: Site) -> None:
    found = site.fetch()
    assert (found.offer.name, found.versions) == ("small-v1", {"root": 1, "timestamp": 2, "snapshot": 2})
    assert (site.fetched / "release" / "rules.toml").read_bytes() == b"x" * 1_000
    assert (site.fetched / "prepared" / "update.json").read_bytes() == STATEMENT
    assert fresh_until(site.delivery) == site.now + DAYS["timestamp"] * DAY
    site.release(2)
    assert site.fetch().offer.version == 2


def test_rollback_an_older_state_of_the_whole_repository(site: Site) -> None:
    older = site.copy("older")
    site.release(2)
    site.fetch()
    with pytest.raises(TrustError, match="older than what was seen"):
        site.fetch(older)


def test_rollback_at_a_site_whose_memory_was_wiped_is_seen_by_its_log(site: Site, tmp_path: Path) -> None:
    older = site.copy("older")
    site.release(2)
    site.fetch()
    remembered = verified_versions(site.delivery)
    root = (site.delivery / "root.json").read_bytes()
    pin_root(tmp_path / "wiped", root)
    with pytest.raises(TrustError, match="timestamp version 2 is older than 3, which this site had"):
        fetch(tmp_path / "wiped", str(older), tmp_path / "to", remembered)


def test_freeze_nothing_newer_is_shown_until_it_has_expired(site: Site) -> None:
    site.offer(2)
    site.sign()
    site.publish(days_ago=DAYS["timestamp"])
    with pytest.raises(TrustError, match="expired, so that nobody can tell whether there is something newer"):
        site.fetch()


def test_a_site_that_fetched_nothing_or_long_ago_knows_that_it_is_not_fresh(site: Site, tmp_path: Path) -> None:
    assert fresh_until(site.delivery) == NEVER
    assert fresh_until(tmp_path / "none") is None
    site.fetch()
    assert (fresh_until(site.delivery) or 0) > site.now


def test_freeze_who_takes_the_pinned_root_away_makes_no_site_fresh(site: Site) -> None:
    site.fetch()
    (site.delivery / "root.json").unlink()
    assert fresh_until(site.delivery) == NEVER
    shutil.rmtree(site.delivery)
    assert fresh_until(site.delivery, delivered=True) == NEVER  # the log remembers


@pytest.mark.parametrize(
    "kept_back", ["metadata/*.snapshot.json", "metadata/*.customer.json", "targets/**/*.rules.toml"]
)
def test_freeze_a_new_timestamp_without_what_it_names_keeps_no_site_fresh(site: Site, kept_back: str) -> None:
    site.fetch()
    fresh = fresh_until(site.delivery)
    site.now += DAY
    site.release(2)
    for path in site.folder.glob(kept_back):
        path.unlink()
    with pytest.raises((TrustError, Unreachable)):
        site.fetch()
    assert fresh_until(site.delivery) == fresh


def test_mix_and_match_old_offers_under_a_new_snapshot(site: Site) -> None:
    old = site.newest("provider").read_bytes()
    site.release(2)
    site.newest("provider").write_bytes(old)
    with pytest.raises(TrustError, match="do not belong together"):
        site.fetch()


@pytest.mark.parametrize("change", [b"y" * 1_000, b"x" * 1_001])
def test_wrong_hash_or_length_of_a_file(site: Site, change: bytes) -> None:
    (path,) = (site.folder / "targets" / "classifiers" / "small-v1").glob("*.rules.toml")
    path.write_bytes(change)
    with pytest.raises(TrustError, match="other bytes than were signed"):
        site.fetch()


@pytest.mark.parametrize("role", ["targets", "snapshot", "provider", "customer"])
def test_missing_threshold_one_signature_is_gone(site: Site, role: str) -> None:
    path = site.newest(role)
    edit(
        path, lambda value: value["signatures"].clear() if len(value["signatures"]) < 2 else value["signatures"].pop()
    )
    if role == "targets":  # two signed, and one is enough: both must go
        edit(path, lambda value: value["signatures"].clear())
    with pytest.raises(TrustError, match="too few of those who must have signed it"):
        site.fetch()


def test_a_byte_of_what_was_signed(site: Site) -> None:
    edit(site.newest("customer"), lambda value: value["signed"].update(expires="2099-01-01T00:00:00Z"))
    with pytest.raises(TrustError, match="too few of those who must have signed it"):
        site.fetch()


def test_the_provider_alone_changes_what_is_offered(site: Site) -> None:
    site.stage_offer(2, {"release.toml": b"version = 2"})
    site.sign("dora", "emil")
    site.publish()
    with pytest.raises(TrustError, match="the provider offers small-v2 .* the customer approved small-v1"):
        site.fetch()


def test_the_provider_writes_an_approval(site: Site) -> None:
    with pytest.raises(TrustError, match=r"approvals/current\.json is not for the provider to write"):
        site.repository.stage_files("provider", {"approvals/current.json": b"{}"}, site.now)


def test_an_approval_that_the_provider_signed_all_the_same_is_not_looked_at(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.stage_offer(1, {"release.toml": b"x"})

    def smuggle(value: dict[str, Any]) -> None:
        value["signed"]["targets"]["approvals/current.json"] = value["signed"]["targets"]["classifiers/current.json"]

    edit(site.folder / "staged" / "provider.json", smuggle)
    site.sign()
    site.publish()
    with pytest.raises(TrustError, match=r"approvals/current\.json is not among what was signed"):
        site.fetch()


def test_there_are_two_delegations_and_no_path_has_two_ways(site: Site) -> None:
    delegations: dict[str, Any] = {}
    edit(site.newest("targets"), lambda value: delegations.update(value["signed"]["delegations"]))
    assert [(each["name"], each["terminating"]) for each in delegations["roles"]] == [
        ("provider", True),
        ("customer", True),
    ]
    tops = [{path.partition("/")[0] for path in paths} for paths in ORGANISATIONS.values()]
    assert not tops[0] & tops[1]


def test_a_new_root_takes_those_of_the_one_before(site: Site) -> None:
    site.fetch()
    site.repository = Repository(site.folder, plan(root=("ada", "gita", "hugo"), customer=("ines",)))
    site.repository.rotate(site.now)
    site.sign("gita", "hugo")
    with pytest.raises(TrustError, match="not signed as the root before asks"):
        site.publish()
    site.offer(2)
    site.sign("ada", "ben", "ines", "dora", "emil")
    site.publish()
    assert site.fetch().versions["root"] == 2


def test_a_root_that_only_its_own_people_signed_is_refused(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.repository = Repository(other.folder, plan(root=("gita", "hugo")))
    other.repository.rotate(other.now)
    other.sign("gita", "hugo", "ada", "ben")
    other.publish()
    edit(other.newest("root"), lambda value: value["signatures"].__delitem__(slice(2, None)))
    (site.folder / "metadata" / "2.root.json").write_bytes(other.newest("root").read_bytes())
    edit(site.newest("root"), lambda value: value.update(signatures=_of(value, "gita", "hugo")))
    with pytest.raises(TrustError, match="too few of those who must have signed it"):
        site.fetch()


def _of(value: dict[str, Any], *names: str) -> list[Any]:
    publics = {key(name).public_key().public_bytes_raw().hex() for name in names}
    ids = {keyid for keyid, each in value["signed"]["keys"].items() if each["keyval"]["public"] in publics}
    return [each for each in value["signatures"] if each["keyid"] in ids]


def test_a_root_is_pinned_once(site: Site) -> None:
    with pytest.raises(TrustError, match="pinned already"):
        pin_root(site.delivery, b"{}")


def test_a_link_out_of_the_medium_is_not_followed(site: Site, tmp_path: Path) -> None:
    (path,) = (site.folder / "targets" / "classifiers" / "small-v1").glob("*.rules.toml")
    (tmp_path / "outside").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(Unreachable, match="it cannot be had"):
        site.fetch()


def test_what_was_signed_and_does_not_read_is_refused(site: Site) -> None:
    site.repository.stage_files("customer", {"approvals/current.json": b"[]"}, site.now)
    site.sign()
    site.publish()
    with pytest.raises(ReleaseError, match="does not read as Approval"):
        site.fetch()


def test_nothing_is_written_over(site: Site) -> None:
    site.fetch()
    with pytest.raises(ConfigError):
        fetch(site.delivery, str(site.folder), site.fetched, {})


def test_what_is_refused_leaves_nothing_behind(site: Site) -> None:
    site.newest("customer").write_bytes(b"{}")
    with pytest.raises(TrustError, match="the repository does not hold together"):
        site.fetch()
    assert not site.fetched.exists()
    assert not [path for path in site.root.iterdir() if path.name.endswith(".incoming")]


def test_what_a_fetch_left_that_was_killed_is_in_nobodys_way_and_one_that_goes_on_is_left_alone(site: Site) -> None:
    to = site.root / "to"
    left = site.root / ".to.incoming"
    (left / "release").mkdir(parents=True)
    (left / "release" / "half.bin").write_bytes(b"half")
    held = os.open(left, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(ConfigError, match="another process fetches there"):
            fetch(site.delivery, str(site.folder), to, {})
        assert (left / "release" / "half.bin").exists()
    finally:
        os.close(held)  # which the end of a process does
    fetch(site.delivery, str(site.folder), to, {})
    assert not left.exists()
    assert not list(to.rglob("half.bin"))


def test_a_release_of_more_bytes_than_a_site_takes_is_refused_before_one_is_fetched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RELEASE_BYTES_MAX", 1_000)
    with pytest.raises(TrustError, match=r"the release has 1,?\d+ bytes; at most 1,?000"):
        site.fetch()
    assert not site.fetched.exists()


# ---- over HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[Any]:
    """Serves with a handler, until the test ends."""
    servers = []

    def serve(handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_same_over_http(site: Site, served: Any) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(site.folder))

        def log_message(self, *_: Any) -> None:
            pass

    assert site.fetch(served(Quiet)).offer.name == "small-v1"


@pytest.mark.parametrize("endless", ["timestamp.json", "rules.toml"])
def test_endless_data_is_cut_where_its_length_was_signed_or_bounded(site: Site, served: Any, endless: str) -> None:
    sent = list[int]()

    class Endless(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(site.folder))

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            if not self.path.endswith(endless):
                super().do_GET()
                return
            self.send_response(200)
            self.end_headers()
            try:
                while sum(sent) < 64 << 20:
                    sent.append(self.wfile.write(b"x" * 65_536))
            except OSError:
                pass

    with pytest.raises(TrustError, match="other bytes than were signed"):
        site.fetch(served(Endless))
    assert sum(sent) < 64 << 20


def test_a_server_that_is_not_there_is_out_of_reach(site: Site) -> None:
    with pytest.raises(Unreachable, match="it cannot be had"):
        site.fetch("http://127.0.0.1:9")
