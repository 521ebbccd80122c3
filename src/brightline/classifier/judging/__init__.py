# SPDX-License-Identifier: Apache-2.0
"""The judge's making: what its decoder makes of the corpora, and the heads that are fitted on that. Needs numpy."""
