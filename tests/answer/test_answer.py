# SPDX-License-Identifier: Apache-2.0
"""One piece of evidence at a time is broken, and exactly the claims that rest on it open; nothing else gets better."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from brightline.answer.gather import Asking
from brightline.core.agreement.clause import Verdict
from brightline.core.answer.evidence import EVIDENCE
from brightline.core.answer.model import Dossier, Status
from brightline.core.answer.questions import QUESTIONS
from brightline.core.answer.weigh import PENDING
from brightline.core.canonical import JsonValue
from brightline.core.errors import AgreementError, ConfigError
from brightline.core.evidence.audit_findings import Status as Verified
from brightline.core.evidence.record import RecordKind
from brightline.folders import read_agreement, shipped_agreements, shipped_releases
from brightline.verify.sample.frauds import FRAUDS, Fraud
from brightline.verify.sample.ledger import Ledger
from brightline.verify.sample.site import GATEWAY, Site, honest_site
from tests.answer.sites import SHIPPED, asked, asking, found_in, statuses_in, whole_site
from tests.verify.sites import serving

RANK = [Status.SHOWN, Status.PENDING, Status.OPEN, Status.CONTRADICTED]
OF_THE_TEXT = {
    *("agreement", "one-agreement", "proofs", "no-weaker", "reviewed", "pinned-law", "ladder", "needs-people"),
    *(
        "refuses-weapons",
        "refuses-surveillance",
        "refuses-monitoring",
        "refuses-decisions",
        "refuses-elsewhere",
        "replays",
        "sampled",
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_site(tmp_path_factory.mktemp("answer") / "whole")


@pytest.fixture(scope="module")
def honest(whole: Path) -> Dossier:
    return asked(asking(whole))


def changed(before: Dossier, after: Dossier) -> set[str]:
    """The kinds of evidence that stand otherwise; also looks that the claims follow from them, and none is better."""
    was, now = found_in(before), found_in(after)
    kinds = {kind for kind, one in was.items() if kind not in now or now[kind].status is not one.status}
    for kind in kinds & now.keys():
        assert RANK.index(now[kind].status) > RANK.index(was[kind].status), kind
    for made in after.answers:
        for claim in made.claims:
            stood = statuses_in(before)[made.question.id, claim.claim.id]
            worst = max(
                (RANK.index(now[kind].status) for kind in kinds & set(claim.claim.needs) & now.keys()), default=0
            )
            assert RANK.index(claim.status) == max(RANK.index(stood), worst), claim.claim.id
    assert not now.keys() - was.keys()
    return kinds


# ---- the whole installation ------------------------------------------------------------------------------------


def test_at_a_whole_installation_all_that_this_version_makes_is_shown(honest: Dossier) -> None:
    found = found_in(honest)
    opened = {kind for kind, one in found.items() if one.status is not Status.SHOWN}
    of_others = {"people", "thresholds", "subjects"}  # no roster was given, and the shipped agreement counts nobody
    assert opened == {kind.id for kind in EVIDENCE.values() if not kind.made} | of_others
    never_happened = {"halted", "hunted", "aged"}
    assert {kind.id for kind in EVIDENCE.values() if kind.made} - found.keys() == never_happened


def test_what_it_answers(honest: Dossier) -> None:
    assert {made.question.id: made.status for made in honest.answers} == {
        "weapons": Status.OPEN,
        "surveillance": Status.PENDING,
        "decisions": Status.OPEN,
        "compelled": Status.SHOWN,
        "without-stack": Status.OPEN,
        "violation": Status.SHOWN,
        "law-change": Status.SHOWN,
        "enforceable": Status.OPEN,
    }


def test_on_mass_surveillance_it_says_answer_pending_and_what_is_missing(honest: Dossier) -> None:
    made = honest.answers[1]
    assert made.headline == PENDING
    assert [one.evidence.id for one in made.missing] == ["thresholds", "meter", "fragments", "subjects", "people"]
    assert made.asks == (
        "Will this deal enable the Department of War to use OpenAI models to conduct mass surveillance?"
    )


def test_the_cases_are_counted_from_the_records_with_their_places(honest: Dossier) -> None:
    held = next(case for case in honest.answers[1].cases if case.clause == "RL-1")
    assert held.verdicts == (("hold", 17),)
    records = honest_site(1, read_agreement(SHIPPED)).gateway.of("x-006", RecordKind.OUTCOME)  # the first that is held
    assert held.places[0] == f"{GATEWAY}, record {records[0]}"
    assert honest.period[0] == "2026-11-25T12:00:00.000Z" < honest.period[1]
    assert honest.exchanges == 123


def test_every_piece_that_was_looked_at_is_named_with_its_digest_and_where_it_lies(
    honest: Dossier, whole: Path
) -> None:
    for kind, one in found_in(honest).items():
        assert one.pins or one.status is not Status.SHOWN, kind
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", pin.digest) and pin.where for pin in one.pins), kind
    log = next(pin for pin in found_in(honest)["log"].pins if "gateway-0" in pin.what)
    assert log.where == str(whole / "evidence" / GATEWAY)


# ---- one piece is not there ----------------------------------------------------------------------------------------


def without_keys(given: Asking) -> Asking:
    return msgspec.structs.replace(given, canaries=None, evidence=msgspec.structs.replace(given.evidence, keys=()))


def without_guard(given: Asking) -> Asking:
    keys = tuple(key for key in given.evidence.keys if "guard" not in Path(key).name)
    return msgspec.structs.replace(given, evidence=msgspec.structs.replace(given.evidence, guards=(), keys=keys))


def with_evidence(**other: object) -> Callable[[Asking], Asking]:
    return lambda given: msgspec.structs.replace(given, evidence=msgspec.structs.replace(given.evidence, **other))


def with_asking(**other: object) -> Callable[[Asking], Asking]:
    return lambda given: msgspec.structs.replace(given, **other)


MISSING: dict[str, tuple[Callable[[Asking], Asking], set[str]]] = {
    "keys": (without_keys, {"keys", "canaries"}),
    "disclosures": (with_evidence(disclosures=None), {"replays", "sampled"}),
    "guard": (without_guard, {"guarded", "admitted"}),
    "policy": (with_evidence(policy=None), {"witnessed"}),
    "receipts": (with_evidence(receipts=()), {"receipts"}),
    "canaries": (with_asking(canaries=None), {"canaries"}),
    "roots": (with_asking(roots=None), {"reviewed"}),
    "agreement": (with_evidence(agreements=(shipped_agreements()["two-red-lines-2026"],)), OF_THE_TEXT),
    "release": (
        with_asking(releases=(shipped_releases()["rules-2026.11"],)),
        {"release", "recall-weapons", "recall-surveillance", "recall-decisions"},
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_not_given_opens_what_rests_on_it(name: str, whole: Path, honest: Dossier) -> None:
    change, kinds = MISSING[name]
    assert changed(honest, asked(change(asking(whole)))) == kinds


def lose(folder: Path, shard: str) -> Asking:
    shutil.rmtree(folder / "evidence" / shard)
    given = asking(folder)
    keys = tuple(key for key in given.evidence.keys if shard not in Path(key).name)
    return msgspec.structs.replace(given, evidence=msgspec.structs.replace(given.evidence, keys=keys))


@pytest.mark.parametrize(
    ("shard", "kinds"),
    [("heads", {"heads"}), ("registry", {"registry", "heads", "held", "versions", "sampled"})],
)
def test_a_log_that_is_withheld_opens_what_rests_on_it(
    shard: str, kinds: set[str], whole: Path, honest: Dossier, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "site"))
    assert changed(honest, asked(lose(folder, shard))) == kinds


# ---- one piece says otherwise -------------------------------------------------------------------------------------


def cut(start: str) -> Callable[[str], str]:
    """Take the block of the agreement's file that begins so out of it, and the examples that name its clause."""

    def edit(text: str) -> str:
        blocks = re.split(r"(?m)^(?=\[)", text)
        (gone,) = [block for block in blocks if block.startswith(start)]
        named = re.match(r"\[clause\.(.+)\]", start)
        kept = [
            block
            for block in blocks
            if block is not gone and not (named and block.startswith("[[example]]") and f'"{named[1]}"' in block)
        ]
        return "".join(kept)

    return edit


def halt(registry: Ledger) -> None:
    registry.say(RecordKind.HALT, "", {"halt": "h-1", "scope": "installation"})


def lose_one(site: Site) -> None:
    site.attempt("x-lost")
    site.gateway.epoch += 1
    public: dict[str, JsonValue] = {"outcome": "lost", "class": "none", "verdict": "none", "clauses": []}
    public |= {"released_bytes": 0, "epoch_lost": site.gateway.epoch - 1}
    site.gateway.say(RecordKind.OUTCOME, "x-lost", public)


def answer_without_pass(site: Site) -> None:
    site.attempt("x-without")
    site.end("x-without", "completed", Verdict.PERMIT, "none", 400)


ALTERED: dict[str, tuple[Callable[[Path], Path], set[str]]] = {
    "RL-1": (lambda at: whole_site(at, edit=cut("[clause.RL-1]")), {"refuses-surveillance"}),
    "RL-2": (lambda at: whole_site(at, edit=cut("[clause.RL-2]")), {"refuses-weapons"}),
    "RL-3": (lambda at: whole_site(at, edit=cut("[clause.RL-3]")), {"refuses-decisions"}),
    "L6": (lambda at: whole_site(at, edit=cut("[clause.L6]")), {"refuses-monitoring"}),
    "D2": (lambda at: whole_site(at, edit=cut("[clause.D2]")), {"refuses-elsewhere", "proofs"}),
    "P1": (lambda at: whole_site(at, edit=cut("[clause.P1]")), {"needs-people", "proofs"}),
    "ladder": (lambda at: whole_site(at, edit=cut("[[ladder]]                            # two weeks")), {"ladder"}),
    "halt": (lambda at: whole_site(at, says=halt), {"halted"}),
    "lost": (lambda at: whole_site(at, lose_one), {"lost"}),
    "past": (lambda at: whole_site(at, answer_without_pass), {"passed"}),
}


@pytest.mark.parametrize("name", ALTERED)
def test_what_says_otherwise_opens_or_contradicts_what_rests_on_it(name: str, honest: Dossier, tmp_path: Path) -> None:
    make, kinds = ALTERED[name]
    after = asked(asking(make(tmp_path / "site")))
    if name == "halt":  # there was none before, so nothing rested on it
        assert found_in(after)["halted"].status is Status.CONTRADICTED
        assert {made.status for made in after.answers if made.question.id != "violation"} == {Status.CONTRADICTED}
    else:
        by_lot = {"sampled"} if name == "past" else set()  # one more exchange was permitted, and may have been drawn
        assert changed(honest, after) - by_lot == kinds


def seen_as(fraud: Fraud) -> object:
    """Frauds of which the same is seen are as one here: the first of them; the others in the long form."""
    return frozenset((topic, status) for _, topic, status in fraud.effects) or fraud.row.startswith("swap")


FRAUD_ROWS = [
    pytest.param(
        fraud,
        id=fraud.name,
        marks=[pytest.mark.slow] if seen_as(fraud) in [seen_as(one) for one in FRAUDS[:at]] else [],
    )
    for at, fraud in enumerate(FRAUDS)
]


@pytest.mark.parametrize("fraud", FRAUD_ROWS)
def test_of_every_fraud_that_is_seen_an_answer_says_so(fraud: Fraud, honest: Dossier, tmp_path: Path) -> None:
    after = asked(asking(whole_site(tmp_path / "site", fraud.commit)))
    contradicted = any(status is Verified.CONTRADICTED for _, _, status in fraud.effects)
    if found_in(after).keys() - found_in(honest).keys():  # there was none before, so nothing rested on it
        assert (Status.CONTRADICTED in {made.status for made in after.answers}) is contradicted
        return
    kinds = changed(honest, after)
    if contradicted:
        assert Status.CONTRADICTED in {made.status for made in after.answers}
    elif not fraud.effects:
        # What nobody sees changes nothing. A release that nobody approved is named; heads and sample are of the truth.
        assert kinds == ({"release", "heads", "sampled"} if fraud.name == "release-swapped" else set())


def test_a_record_that_is_not_the_one_that_was_signed_is_no_case(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "site"))
    file = folder / "evidence" / GATEWAY / "tile" / "entries" / "000"
    data = file.read_bytes()
    at = data.index(b'"verdict":"hold"', data.index(b'"clauses":["RL-1"]'))
    file.write_bytes(data[:at] + b'"verdict":"deny"' + data[at + 16 :])
    case = next(case for case in asked(asking(folder)).answers[1].cases if case.clause == "RL-1")
    assert case.verdicts == (("hold", 16),)


def test_logs_at_an_address_are_answered_from_like_those_in_a_folder(whole: Path, honest: Dossier) -> None:
    root = whole / "evidence"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with serving(files, base="") as web:
        urls = tuple(f"{web.url}/{shard}" for shard in ("gateway-0", "heads", "registry"))
        after = asked(with_evidence(evidence=urls)(asking(whole)))
    assert statuses_in(after) == statuses_in(honest)
    assert after.answers[1].cases == honest.answers[1].cases


# ---- words and files ----------------------------------------------------------------------------------------------


def test_the_questions_of_the_text_are_quoted_from_it_and_a_false_quote_is_refused(
    whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "site"))
    file = folder / "agreement" / "questions.toml"
    good = file.read_text("utf-8")
    assert set(re.findall(r"(?m)^\[([a-z-]+)\]", good)) == {*QUESTIONS, "motive", "opinion"} - {"decisions"}
    file.write_text(good.replace("Answer pending…", "Yes."), "utf-8")
    with pytest.raises(AgreementError, match="does not stand in the text"):
        asked(asking(folder))
    file.write_text('[nonsense]\nasks = "Can we"\n', "utf-8")
    with pytest.raises(AgreementError, match="is no question"):
        asked(asking(folder))


def test_an_agreement_without_such_a_file_is_asked_in_our_words(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "site"))
    (folder / "agreement" / "questions.toml").unlink()
    made = asked(asking(folder))
    assert made.answers[3].asks == "Can OpenAI be compelled to surveil people of the country?"
    assert {one.posted for one in made.answers} == {""}
    assert made.beyond == ()


def test_canaries_are_looked_for_under_keys_that_were_given(whole: Path) -> None:
    with pytest.raises(ConfigError, match="give --key"):
        asked(with_evidence(keys=())(asking(whole)))


def test_the_shipped_questions_are_the_shipped_agreements(whole: Path) -> None:
    assert (SHIPPED / "questions.toml").read_bytes() == (whole / "agreement" / "questions.toml").read_bytes()
