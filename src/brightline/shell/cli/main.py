# SPDX-License-Identifier: Apache-2.0
"""``brightline``: the commands. Exit codes: 0 done, 1 bad news, 2 the question or the installation is wrong."""

from __future__ import annotations

import sys

import click

from brightline import __version__
from brightline.answer.command import answer
from brightline.classifier.evaluation.card_command import card_command
from brightline.classifier.evaluation.command import evaluate_command
from brightline.classifier.evaluation.explain_command import explain_command
from brightline.classifier.judging.command import judge
from brightline.classifier.rows import classifier
from brightline.classifier.training.command import train
from brightline.classifier.weights import weights
from brightline.core.errors import BrightlineError
from brightline.guard.__main__ import guard
from brightline.observe.__main__ import observe
from brightline.shell.cli import (
    appeal,
    console,
    demand,
    disclose,
    enrolment,
    gateway,
    halt,
    log,
    register,
    render,
    retention,
    review,
    review_figures,
    review_learning,
    review_rows,
    review_seed,
    shard,
    standing,
    support,
    witness,
    workload,
)
from brightline.shell.cli.agreement import agreement
from brightline.shell.cli.attest import attest
from brightline.shell.cli.classifier import add_to
from brightline.shell.cli.delivery import delivery
from brightline.shell.cli.import_ import import_
from brightline.shell.cli.model import model
from brightline.shell.cli.open import open_
from brightline.verify.bundle import bundle
from brightline.verify.canary.command import canary
from brightline.verify.command import verify
from brightline.verify.misbehaviour import misbehaviour
from brightline.verify.receipt import receipt
from brightline.verify.sample.command import sample


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="brightline")
def brightline() -> None:
    """The safety stack that makes a model deployment agreement true and checkable.

    Exit codes: 0 done; 1 bad news (a contradiction, an example that does not come out); 2 bad usage or installation.
    """


brightline.add_command(gateway.init)
brightline.add_command(import_)
brightline.add_command(gateway.serve)
brightline.add_command(gateway.key)
brightline.add_command(guard)
brightline.add_command(observe)
brightline.add_command(witness.witness)
brightline.add_command(workload.workload)
brightline.add_command(register.purpose)
brightline.add_command(register.protocol)
brightline.add_command(register.vvt)
brightline.add_command(demand.demand)
for command in (enrolment.enrol, enrolment.withdraw, enrolment.countersign, enrolment.enter):
    review.review.add_command(command)
brightline.add_command(review.review)
brightline.add_command(console.console)
review.review.add_command(review_figures.figures_command)
review.review.add_command(review_learning.sampled)
review.review.add_command(review_learning.estimate_command)
review.review.add_command(review_rows.rows)
review.review.add_command(review_seed.seed)
brightline.add_command(appeal.appeal)
brightline.add_command(standing.standing)
brightline.add_command(halt.halt)
brightline.add_command(halt.resume)
brightline.add_command(halt.halts)
brightline.add_command(open_)
brightline.add_command(retention.retention)
brightline.add_command(attest)
brightline.add_command(model)
brightline.add_command(agreement)
add_to(classifier)
brightline.add_command(classifier)
brightline.add_command(delivery)
classifier.add_command(weights)
classifier.add_command(judge)
classifier.add_command(evaluate_command)
classifier.add_command(explain_command)
classifier.add_command(train)
classifier.add_command(card_command)
brightline.add_command(verify)
brightline.add_command(answer)
brightline.add_command(misbehaviour)
brightline.add_command(receipt)
brightline.add_command(log.log)
brightline.add_command(canary)
brightline.add_command(shard.shard)
brightline.add_command(support.support)
brightline.add_command(sample)
brightline.add_command(bundle)
brightline.add_command(disclose.disclose)


def main(arguments: list[str] | None = None) -> None:
    """Run a command. Every error of ours becomes two lines on stderr and exit code 2."""
    try:
        brightline.main(arguments, standalone_mode=True)
    except BrightlineError as error:
        render.say_error(error)
        sys.exit(2)
