# SPDX-License-Identifier: Apache-2.0
"""How good a release is: rows through its very detectors, figures of what came out, and why a text was found.

reading → probe      rows of any file become probes: what is shown, and what is true of it
bench                shows each to the release, as a gateway would; switches layers off, in this harness alone
measuring            what came out, as an evaluation: pure figures, the same for the same rows
tables, page, card   the evaluation for a terminal, for a browser, and as a model card
explaining           which stage, view, window and words decided about one text
"""
