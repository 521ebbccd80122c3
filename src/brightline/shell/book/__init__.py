# SPDX-License-Identifier: Apache-2.0
"""The clause book outside the core: as a page, with what was counted in a log and who signed."""
