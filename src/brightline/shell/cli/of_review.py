# SPDX-License-Identifier: Apache-2.0
"""``brightline review``, whole: the commands of its group lie in several files."""

from __future__ import annotations

from brightline.shell.cli import enrolment, review_figures, review_learning, review_rows, review_seed
from brightline.shell.cli.review import review

for command in (enrolment.enrol, enrolment.withdraw, enrolment.countersign, enrolment.enter):
    review.add_command(command)
review.add_command(review_figures.figures_command)
review.add_command(review_learning.sampled)
review.add_command(review_learning.estimate_command)
review.add_command(review_rows.rows)
review.add_command(review_seed.seed)

__all__ = ["review"]
