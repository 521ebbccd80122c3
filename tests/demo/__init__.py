# SPDX-License-Identifier: Apache-2.0
"""The tour, as it looks."""
