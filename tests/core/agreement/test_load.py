# SPDX-License-Identifier: Apache-2.0
"""An agreement loads whole or not at all, and the error says where and how to mend it."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement import places, prose
from brightline.core.agreement.clause import Agreement, ClauseKind, LadderTest, Verdict
from brightline.core.agreement.condition import NEVER, Approvals
from brightline.core.agreement.load import load_agreement
from brightline.core.errors import AgreementError
from brightline.core.facts import NO, YES, FactSpec, Register, Source

PROSE = """The toaster shall never be used for  unlawful heat\u2011treatment of cats.
It may be used “for all lawful toasting”, under Act A.
Bagels need the consent of
  two people.
""".encode()

TOML = """\
# A small agreement.
format = "brightline-agreement/1"
id = "toast-2020"
parties = { provider = "Toasters", customer = "Breakfast" }
as_of = 2020-02-29
prose = { path = "prose.txt", sha256 = "<digest>" }
encoding_review = []

[offices]
cook = "a cleared cook"

[fact]
lawful = { good = "yes", set_by = ["registration"] }
cats = { good = "no", set_by = ["detector", "pattern"], settled_by = { cook = 2 } }
bread = { good = "toast", values = ["toast", "bagel"], set_by = ["detector"] }
plugged = { good = "yes", set_by = ["attestation"] }

[authority]
ACT-A = { cite = "Act A", dated = 1999-12-31 }
ACT-B = { cite = "Act B", dated = 1999-12-31, edition = 2020-01-01 }

[clause.RED]
quote = ["never be used for unlawful heat-treatment of cats"]
redline = "cats != 'no'"
[clause.OK]
quote = ["for all lawful toasting"]
grant = "lawful == 'yes'"
authority = ["ACT-A"]
[clause.PLUG]
quote = ["The toaster"]
deny = "plugged != 'yes'"
[clause.BAGEL]
quote = ["Bagels need the consent", "of two people."]
require = { when = "bread != 'toast'", that = "approvals.cook >= 2" }

[change]
tightening = { proof = "no-weaker", signers = ["safety"] }
loosening = "refused"
unknown = "refused"

[[ladder]]
state = "attempt"
do = ["refuse"]
[[ladder]]
state = "pattern"
test = { alpha = 1e-6, window = "24h", confirmed = 3 }
do = ["hold unit", "cleared review within 4 h"]

[[example]]
name = "toast"
verdict = "permit"
[[example]]
name = "a bagel, one cook"
facts = { bread = "bagel" }
approvals = { cook = 1 }
verdict = "hold"
clauses = ["BAGEL"]
[[example]]
name = "cats, whoever signs"
facts = { cats = "yes" }
approvals = { cook = 9 }
verdict = "deny"
clauses = ["RED"]
"""


def pinned(toml: str, prose: bytes = PROSE) -> bytes:
    return toml.replace("<digest>", hashlib.sha256(prose).hexdigest()).encode()


def loaded(toml: str = TOML, prose: bytes = PROSE) -> Agreement:
    return load_agreement(pinned(toml, prose), {"prose.txt": prose}.__getitem__)


def refused(old: str, new: str, prose: bytes = PROSE) -> AgreementError:
    assert TOML.count(old) == 1, f"{old!r} must stand in the agreement once"
    with pytest.raises(AgreementError) as caught:
        loaded(TOML.replace(old, new), prose)
    return caught.value


def line_of(text: str) -> int:
    return TOML[: TOML.index(text)].count("\n") + 1


def test_an_agreement_becomes_values() -> None:
    agreement = loaded()
    assert agreement.id == "toast-2020"
    assert (agreement.parties.provider, agreement.parties.customer) == ("Toasters", "Breakfast")
    assert agreement.as_of == datetime.date(2020, 2, 29)
    assert agreement.vocabulary.specs == (
        FactSpec("lawful", YES, (YES, NO), frozenset({Source.REGISTRATION})),
        FactSpec("cats", NO, (YES, NO), frozenset({Source.DETECTOR, Source.PATTERN}), (("cook", 2),)),
        FactSpec("bread", "toast", ("toast", "bagel"), frozenset({Source.DETECTOR})),
        FactSpec("plugged", YES, (YES, NO), frozenset({Source.ATTESTATION})),
    )
    assert [(clause.id, clause.kind) for clause in agreement.clauses] == [
        ("RED", ClauseKind.REDLINE),
        ("OK", ClauseKind.GRANT),
        ("PLUG", ClauseKind.DENY),
        ("BAGEL", ClauseKind.REQUIRE),
    ]
    assert agreement.clause("BAGEL").that == Approvals("cook", 2, 1)
    assert agreement.clause("RED").that == NEVER
    assert agreement.clause("OK").authorities == ("ACT-A",)
    assert [(office.id, office.title) for office in agreement.offices] == [("cook", "a cleared cook")]
    assert [a.edition.year for a in agreement.authorities] == [1999, 2020]
    assert agreement.change.signers == ("safety",)
    assert agreement.ladder[0].tests == ()
    assert agreement.ladder[1].tests == (LadderTest(1e-6, 86400, 3),)
    assert agreement.examples[1].facts.as_dict() == {
        "bread": "bagel",
        "cats": "no",
        "lawful": "yes",
        "plugged": "yes",
    }
    assert agreement.examples[2].verdict is Verdict.DENY
    with pytest.raises(KeyError):
        agreement.clause("NONE")


def test_an_office_may_be_asked_for_people_of_distinct_organisations() -> None:
    said = TOML.replace("[fact]", "[organisations]\ncook = 2\n\n[fact]", 1)
    assert loaded(said).organisations == (("cook", 2),)
    assert loaded().organisations == ()
    with pytest.raises(AgreementError, match="`butler` is not an office"):
        loaded(said.replace("cook = 2\n\n[fact]", "butler = 2\n\n[fact]"))
    with pytest.raises(AgreementError, match="organisations"):
        loaded(said.replace("cook = 2\n\n[fact]", "cook = 1\n\n[fact]"))  # of one they always are


# ---- digests and prose -----------------------------------------------------------------------------------


def test_the_digest_is_over_every_byte_of_file_and_prose() -> None:
    longer = PROSE + b"\n"
    digests = {
        loaded().digest,
        loaded(TOML + "\n").digest,
        loaded(TOML, longer).digest,
        loaded(TOML.replace("small", "smell")).digest,
    }
    assert len(digests) == 4
    assert all(digest.startswith("sha256:") and len(digest) == 71 for digest in digests)
    toml = pinned(TOML)
    lengths = [len(part).to_bytes(8, "big") for part in (toml, PROSE)]
    whole = b"brightline-agreement/1\x00" + lengths[0] + toml + lengths[1] + PROSE
    assert loaded().digest == "sha256:" + hashlib.sha256(whole).hexdigest()


@given(st.integers(0, len(PROSE) - 1), st.integers(1, 255))
def test_a_prose_with_one_byte_altered_is_refused(at: int, flip: int) -> None:
    altered = PROSE[:at] + bytes([PROSE[at] ^ flip]) + PROSE[at + 1 :]
    with pytest.raises(AgreementError, match=hashlib.sha256(altered).hexdigest()) as caught:
        load_agreement(pinned(TOML), lambda _: altered)
    assert caught.value.where == f"agreement.toml:{line_of('prose =')}:1"


def test_only_a_plain_file_name_is_asked_for() -> None:
    for path in ("../prose.txt", "/etc/passwd", "a/b", ".hidden", "", "a\\\\b", "a\\u0000"):
        assert "prose.path" in str(refused('path = "prose.txt"', f'path = "{path}"'))


def test_a_prose_that_is_not_text_is_refused() -> None:
    assert "not UTF-8 at byte 3" in str(refused("# A small agreement.", "# .", b"abc\xff"))


def test_what_the_reader_of_the_prose_raises_passes_through() -> None:
    with pytest.raises(KeyError):
        load_agreement(pinned(TOML), dict[str, bytes]().__getitem__)


# ---- quotes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quote",
    [
        "for all lawful toasting",
        "“for all lawful toasting”",
        '\\"for all lawful toasting\\"',
        "heat\u2010treatment of cats.",
        "heat-treatment  of\\n cats.",
        "Bagels need the con\u017fent of two people.",
    ],
)
def test_quotes_are_compared_with_marks_hyphens_and_white_space_folded(quote: str) -> None:
    toml = TOML.replace('quote = ["for all lawful toasting"]', f'quote = ["{quote}"]')
    assert loaded(toml).clause("OK").kind is ClauseKind.GRANT


@pytest.mark.parametrize(
    "quote",
    [
        "for all lawful roasting",
        "For all lawful toasting",
        "for all toasting",
        "lawful heat-treatment",  # the prose says "unlawful"
        "for all lawful toast",
        "  ",
        "heat—treatment of cats.",
    ],
)
def test_a_quote_that_is_no_span_of_whole_words_of_the_prose_is_refused(quote: str) -> None:
    error = refused('quote = ["for all lawful toasting"]', f'quote = ["{quote}"]')
    assert "does not stand in the prose" in str(error)
    assert error.where == f"agreement.toml:{line_of('[clause.OK]') + 1}:1"


def test_a_quote_in_full_words_is_found_after_one_that_is_part_of_a_word() -> None:
    prose = PROSE + b"Unlawful is one thing, lawful is another."
    toml = TOML.replace('quote = ["The toaster"]', 'quote = ["lawful is another"]')
    assert loaded(toml, prose).clause("PLUG").quote == ("lawful is another",)


# ---- shape -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('id = "toast-2020"', 'id = "toast-2020"\nextra = 1', "extra"),
        ('customer = "Breakfast"', 'customer = "Breakfast", extra = 1', "parties.extra"),
        ('path = "prose.txt"', 'path = "prose.txt", extra = 1', "prose.extra"),
        ("lawful = { good", "lawful = { extra = 1, good", "fact.lawful.extra"),
        ("ACT-A = { cite", "ACT-A = { extra = 1, cite", "authority.ACT-A.extra"),
        ("deny = ", "extra = 1\ndeny = ", "clause.PLUG.extra"),
        ("require = { when", "require = { extra = 1, when", "clause.BAGEL.require.extra"),
        ('loosening = "refused"', 'loosening = "refused"\nextra = 1', "change.extra"),
        ('proof = "no-weaker"', 'proof = "no-weaker", extra = 1', "change.tightening.extra"),
        ('state = "pattern"', 'state = "pattern"\nextra = 1', "ladder[1].extra"),
        ("alpha = 1e-6", "extra = 1, alpha = 1e-6", "ladder[1].test.extra"),
        ('name = "toast"', 'name = "toast"\nextra = 1', "example[0].extra"),
    ],
)
def test_an_unknown_key_is_refused_at_every_level_with_its_path(old: str, new: str, path: str) -> None:
    error = refused(old, new)
    assert path in str(error)
    assert "unknown field `extra`" in str(error)
    expected = line_of(old) + new[: new.index("extra")].count("\n")
    assert error.where.startswith(f"agreement.toml:{expected}:")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("brightline-agreement/1", "brightline-agreement/2", "format"),
        ('id = "toast-2020"\n', "", "missing required field `id`"),
        ('id = "toast-2020"', 'id = "toast 2020"', "id"),
        ("as_of = 2020-02-29", 'as_of = "yesterday"', "as_of"),
        ("encoding_review = []", 'encoding_review = ["../trust me"]', "matching regex"),
        ('cook = "a cleared cook"', 'Cook = "a cleared cook"', "offices"),
        ("lawful = { good", "not = { good", "word of the language"),
        ("lawful = { good", "Lawful = { good", "fact"),
        ('["toast", "bagel"]', '["toast"]', "fact.bread.values"),
        ('["toast", "bagel"]', '["toast", "toast"]', "once"),
        ('["toast", "bagel"]', '["toast", "unknown"]', "unknown is always one"),
        ('good = "toast"', 'good = "crumpet"', "none of"),
        ('set_by = ["attestation"]', "set_by = []", "fact.plugged.set_by"),
        ('set_by = ["attestation"]', 'set_by = ["rumour"]', "rumour"),
        ("settled_by = { cook = 2 }", "settled_by = { guest = 2 }", "`guest`"),
        ("settled_by = { cook = 2 }", "settled_by = { cook = 0 }", "settled_by"),
        ('["attestation"] }', '["attestation"], settled_by = { cook = 1 } }', "no detector and no pattern"),
        ('["registration"] }', '["registration"], settled_by = { cook = 1 } }', "no detector and no pattern"),
        ("edition = 2020-01-01", "edition = 1990-01-01", "before"),
        ('authority = ["ACT-A"]', 'authority = ["ACT-Z"]', "`ACT-Z` is not an authority"),
        ('deny = "plugged', 'redline = "plugged != \'yes\'"\ndeny = "plugged', "2 rules"),
        ("deny = \"plugged != 'yes'\"", "", "0 rules"),
        ('quote = ["The toaster"]', "quote = []", "clause.PLUG.quote"),
        ("grant = \"lawful == 'yes'\"", "deny = \"lawful != 'yes'\"", "no clause grants"),
        ('proof = "no-weaker"', 'proof = "none"', "change.tightening.proof"),
        ('loosening = "refused"', 'loosening = "two signatures"', "change.loosening"),
        ('unknown = "refused"', 'unknown = "accepted"', "change.unknown"),
        ('window = "24h"', 'window = "a day"', "24h"),
        ("alpha = 1e-6", "alpha = 1.0", "ladder[1].test.alpha"),
        ('verdict = "permit"', 'verdict = "allow"', "example[0].verdict"),
        ('facts = { bread = "bagel" }', 'facts = { bred = "bagel" }', "`bred` is not a fact"),
        ('facts = { bread = "bagel" }', 'facts = { bread = "crumpet" }', "no value `crumpet`"),
        ("approvals = { cook = 1 }", "approvals = { guest = 1 }", "`guest` is not an office"),
        ("approvals = { cook = 1 }", "approvals = { cook = -1 }", "approvals"),
        ('clauses = ["BAGEL"]', 'clauses = ["BEAGLE"]', "`BEAGLE` is not a clause"),
    ],
)
def test_what_is_not_an_agreement_is_refused(old: str, new: str, says: str) -> None:
    error = refused(old, new)
    assert says in str(error)
    assert error.where.startswith("agreement.toml")
    assert error.mend


def test_an_agreement_without_worked_examples_is_refused() -> None:
    with pytest.raises(AgreementError, match="example"):
        loaded("example = []\n" + TOML[: TOML.index("[[example]]")])


def test_toml_that_does_not_parse_is_refused_at_its_line_and_column() -> None:
    error = refused('id = "toast-2020"', "id = toast")
    assert error.where == "agreement.toml:3:6"


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"a = " + b"[" * 100_000, "nested too deep"),
        (b"#" * (places.FILE_BYTES_MAX + 1), "at most"),
        (b"", "missing required field"),
    ],
)
def test_bytes_that_are_no_agreement_are_refused(toml: bytes, says: str) -> None:
    with pytest.raises(AgreementError, match=says):
        load_agreement(toml, lambda _: b"", "other.toml")


def test_a_prose_without_end_is_refused() -> None:
    with pytest.raises(AgreementError, match="at most"):
        loaded(TOML, b"x" * (prose.PROSE_BYTES_MAX + 1))


# ---- conditions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "at", "mend"),
    [
        ("redline = \"cats != 'no'\"", "redline = \"cats == 'yes'\"", "cats ==", "cats != 'no'"),
        ("grant = \"lawful == 'yes'\"", "grant = \"lawful != 'no'\"", "lawful !=", "lawful == 'yes'"),
        (
            "deny = \"plugged != 'yes'\"",
            "deny = \"plugged != 'yes' and not plugged != 'yes'\"",
            "plugged != 'yes'\"",
            "plugged == 'yes'",
        ),
        ("when = \"bread != 'toast'\"", "when = \"bread == 'bagel'\"", "bread ==", "bread != 'toast'"),
        ('that = "approvals.cook >= 2"', "that = \"cats != 'no'\"", "cats != 'no'\" }", "in `when`"),
        ('that = "approvals.cook >= 2"', 'that = "not approvals.cook >= 2"', "approvals.cook", "stricter"),
        ('that = "approvals.cook >= 2"', 'that = "approvals.guest >= 2"', "approvals.guest", "cook"),
        ("redline = \"cats != 'no'\"", "redline = \"cats != 'no' or\"", '"\n[clause.OK]', "expected a fact"),
        ("redline = \"cats != 'no'\"", "redline = \"dogs != 'no'\"", "dogs", "declare it"),
    ],
)
def test_a_condition_that_is_wrong_is_refused_at_its_line_and_column(old: str, new: str, at: str, mend: str) -> None:
    error = refused(old, new)
    changed = TOML.replace(old, new)
    before = changed[: changed.index(at)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert error.where == f"agreement.toml:{line}:{column}"
    assert mend in error.mend


def test_a_condition_written_with_escapes_is_refused_at_its_key_and_not_where_its_twin_stands() -> None:
    condition = "plugged == 'no'"
    escaped = condition.replace("'", "\\u0027")
    toml = TOML.replace("redline = \"cats != 'no'\"", f'redline = "{escaped}"')
    toml = toml.replace("deny = \"plugged != 'yes'\"", f'deny = "{condition}"')
    with pytest.raises(AgreementError, match="in a condition that restricts") as caught:
        loaded(toml)
    assert caught.value.where == f"agreement.toml:{line_of('redline = ')}:1"


# ---- worked examples ---------------------------------------------------------------------------------------


def test_an_example_that_does_not_come_out_is_refused_and_says_what_came() -> None:
    error = refused('facts = { cats = "yes" }', 'facts = { cats = "unknown" }')
    assert "the example 'cats, whoever signs' gives hold by RED, not deny by RED" in str(error)
    third = [i for i, line in enumerate(TOML.splitlines(), 1) if line == "[[example]]"][2]
    assert error.where == f"agreement.toml:{third}:1"


def test_an_example_that_comes_out_by_another_clause_is_refused() -> None:
    error = refused('clauses = ["BAGEL"]', 'clauses = ["RED", "BAGEL"]')
    assert "gives hold by BAGEL, not hold by RED, BAGEL" in str(error)


def test_a_weakened_clause_is_caught_by_the_examples() -> None:
    assert "one cook" in str(refused("approvals.cook >= 2", "approvals.cook >= 1"))


# ---- what was added to the format --------------------------------------------------------------------------------

FORMERLY = 'cats = { good = "no", set_by = ["detector", "pattern"], formerly = { name = "felines" } }'
PLAIN = 'cats = { good = "no", set_by = ["detector", "pattern"], settled_by = { cook = 2 } }'


def test_a_fact_says_what_it_was_called_and_what_it_needs() -> None:
    toml = TOML.replace(PLAIN, FORMERLY).replace(
        'lawful = { good = "yes", set_by = ["registration"] }',
        'lawful = { good = "yes", set_by = ["registration"], needs = ["purpose", "protocol"] }',
    )
    vocabulary = loaded(toml).vocabulary
    assert vocabulary.in_words_of_now("felines", "yes") == ("cats", "yes")
    assert vocabulary.spec("lawful").needs == {Register.PURPOSE, Register.PROTOCOL}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (PLAIN, FORMERLY.replace("felines", "bread"), "`bread` names two facts"),
        (
            'values = ["toast", "bagel"], set_by = ["detector"] }',
            'values = ["toast", "bagel"], set_by = ["detector"], formerly = { name = "cats" } }',
            "`cats` names two facts",
        ),
        (PLAIN, FORMERLY.replace('"felines"', '"felines", values = { no = "never" }'), "none of"),
        (PLAIN, PLAIN.replace("settled_by", 'needs = ["purpose"], settled_by'), "no registration sets"),
        ("as_of = 2020", "version = 0\nas_of = 2020", "version"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(before: str, after: str, says: str) -> None:
    assert before in TOML
    with pytest.raises(AgreementError, match=says) as raised:
        loaded(TOML.replace(before, after, 1))
    assert raised.value.where.startswith("agreement.toml:")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('[limit.speed]\nvalue = 1\ntighter = "lower"\n', "nothing enforces a limit `speed`"),
        ('[limit.vvt_days_max]\nvalue = 1\ntighter = "higher"\n', "of `vvt_days_max` it is lower"),
        ('[limit.vvt_days_max]\nvalue = -1\ntighter = "lower"\n', "limit.vvt_days_max"),
    ],
)
def test_a_limit_is_one_that_something_enforces_in_its_direction(table: str, says: str) -> None:
    with pytest.raises(AgreementError, match=says):
        loaded(TOML.replace("[change]", f"{table}[change]", 1))


def test_an_act_that_nothing_can_do_is_refused() -> None:
    with pytest.raises(AgreementError, match="nothing here can do 'pray'"):
        loaded(TOML.replace('"hold unit"', '"pray"', 1))


def test_what_reviewers_sign_depends_on_quotes_and_formulas_alone() -> None:
    plain = loaded()
    renamed = loaded(TOML.replace("as_of = 2020-02-29", "as_of = 2020-02-28"))
    other = loaded(TOML.replace("approvals.cook >= 2", "approvals.cook >= 3"))
    assert plain.digest != renamed.digest
    assert plain.encoding == renamed.encoding
    assert plain.encoding != other.encoding
