# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier``, whole: the safety researcher's commands, and those of a release's life."""

from __future__ import annotations

from brightline.classifier.evaluation.card_command import card_command
from brightline.classifier.evaluation.command import evaluate_command
from brightline.classifier.evaluation.explain_command import explain_command
from brightline.classifier.evaluation.streams_command import streams
from brightline.classifier.grammar.command import grammar
from brightline.classifier.judging.command import judge
from brightline.classifier.judging.doubts import doubts
from brightline.classifier.judging.score_command import score
from brightline.classifier.rows import classifier
from brightline.classifier.training.command import train
from brightline.classifier.tuning.command import tune
from brightline.classifier.weights import weights
from brightline.shell.cli.classifier import add_to

add_to(classifier)
judge.add_command(score)
judge.add_command(doubts)
judge.add_command(tune)
for command in (weights, judge, evaluate_command, explain_command, streams, grammar, train, card_command):
    classifier.add_command(command)

__all__ = ["classifier"]
