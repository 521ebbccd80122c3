# SPDX-License-Identifier: Apache-2.0
"""Looking again at sealed records with another release: what is covered, what was found, and what is signed of it."""
