# SPDX-License-Identifier: Apache-2.0
"""A machine that shows what it is, under a root of our own: what a guard for production needs of its platform.

An enclave's documents are made by a command, as on a machine; what people sign names the root, and not a vendor's.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from brightline.core.attestation.chain import sha256_of
from brightline.core.attestation.lease import Instant
from brightline.core.attestation.policy import Policy
from brightline.core.review.roster import INSTALLATION_TYPE, ReviewTerms
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.guard.settings import AttestationSettings
from brightline.shell.clock import SystemClock
from brightline.shell.trust.agent import KeyAgent, _Held
from brightline.shell.trust.asking import DevelopmentAttester
from brightline.shell.trust.installation import FORMAT, Admission, Installation
from brightline.shell.trust.keys import load_key, load_secret, make_key, public_hex
from brightline.shell.trust.sealed import BROKER_FORMAT, Broker, clear_keys, seal_key, write_broker
from tests.core.attestation.forge import BEGIN, LEAF, Chain, issue
from tests.core.attestation.policies import policy
from tests.harness import Loop

ROOT: Final = Path(__file__).resolve().parents[2]
PARTIES: Final = (SigningRole.PROVIDER_OFFICER, SigningRole.CUSTOMER_OFFICIAL)
KEYS: Final = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]
REGION: Final = "us-gov-west-1"
MEASURED: Final = "01" * 48
DAY: Final = 86_400.0
PROGRAM: Final = """\
#!{python}
import base64, json, sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.core.attestation.forge import document, fields
home = Path({home!r})
bundle = [(home / name).read_bytes() for name in ("root.der", "between.der")]
said = fields(None, nonce=sys.argv[1].encode(), timestamp=int(time.time() * 1000), cabundle=bundle,
              certificate=(home / "leaf.der").read_bytes())
main = document(said, key=load_pem_private_key((home / "leaf.pem").read_bytes(), None))
print(json.dumps({{"evidence": [{{"kind": "nitro", "main": base64.b64encode(main).decode()}}]}}))
"""


class Machine:
    """Its vendor's chain, and the command that it is asked by, in a folder."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        today = (time.time() - BEGIN.timestamp()) / DAY
        root = issue("root", None, days=(0, today + 10))
        between = issue("between", root, days=(0, today + 10))
        leaf = issue(LEAF, between, ca=False, sign=False, days=(today - 0.1, today + 0.1))
        self.chain = Chain(root, between, leaf)
        for name, link in (("root", root), ("between", between), ("leaf", leaf)):
            (home / f"{name}.der").write_bytes(link.der)
        (home / "leaf.pem").write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (home / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
        self.root = sha256_of(root.certificate)
        (home / "roots.toml").write_text(
            f'[[root]]\nname = "ours"\nvouches_for = "aws-nitro"\nfile = "root.pem"\nsha256 = "{self.root}"\n', "utf-8"
        )
        self.command = home / "evidence"
        self.command.write_text(
            PROGRAM.format(python=sys.executable, path=[str(ROOT), str(ROOT / "src")], home=str(home)), "utf-8"
        )
        self.command.chmod(0o700)
        self.settings = AttestationSettings(str(self.command), str(home))

    def policy(self, region: str = REGION, measured: str = MEASURED) -> Policy:
        """One that accepts it, if nothing else is said."""
        return policy(
            {
                "name": "enclave",
                "kind": "nitro",
                "states": ["stack_on", "surface"],
                "issuers": [f"sha256:{self.root}" if ":" not in self.root else self.root],
                "measurements": {"pcr0": [measured]},
                "regions": [region],
            }
        )


def sign_for(folder: Path, accepts: Policy, profile: str = "production") -> None:
    """What both parties signed, in the folder of a guard: the pinned keys, and an installation with this policy."""
    roots = TrustRoots(
        profile,
        {role: RoleKeys((PinnedKey(public_hex(key), role.value),)) for role, key in zip(PARTIES, KEYS, strict=True)},
    )
    now, models = int(time.time()), (Admission("m", "m", "default", {}),)
    said = Installation(
        FORMAT, profile, "sha256:a", "sha256:r", (), models, now - 60, now + 86_400, ReviewTerms(), accepts
    )
    folder.mkdir(exist_ok=True)
    (folder / "trust.json").write_bytes(msgspec.json.encode(roots))
    (folder / "installation.json").write_bytes(sign_statement(said, INSTALLATION_TYPE, KEYS))


def sealed_for_good(home: Path) -> dict[str, bytes]:
    """Seal the keys of a node to a broker that nobody has; what they were."""
    broker = Broker(
        BROKER_FORMAT,
        "http://broker.invalid",
        X25519PrivateKey.generate().public_key().public_bytes_raw().hex(),
        "00" * 32,
    )
    write_broker(home, broker)
    held = {}
    for name in clear_keys(home):
        if name in {"tenant", "hold"}:
            held[name], public = load_secret(home / name), ""
        else:
            key = load_key(home / name)
            held[name], public = key.private_bytes_raw(), public_hex(key)
        seal_key(home / name, held[name], public, broker)
        (home / name).unlink()
    return held


@contextlib.asynccontextmanager
async def _holding(home: Path, held: dict[str, bytes]) -> AsyncIterator[None]:
    clock = SystemClock()
    nobody = home.parent / "no-attester"
    if not nobody.exists():
        make_key(nobody)
    agent = KeyAgent(home, DevelopmentAttester(nobody, clock), "sha256:" + "00" * 32, lambda _path, _body: b"", clock)
    since = Instant(clock.monotonic(), clock.unix())
    agent._held = _Held(held, since, Instant(since.steady + DAY, since.wall + DAY))
    async with agent.listening():
        yield


@contextmanager
def in_memory_alone(home: Path) -> Iterator[None]:
    """The keys of a node sealed, and an agent that holds them until the block ends, as if a broker had given them."""
    loop, stack = Loop(), AsyncExitStack()
    try:
        loop.call(stack.enter_async_context(_holding(home, sealed_for_good(home))))
        yield
    finally:
        loop.call(stack.aclose())
        loop.close()
