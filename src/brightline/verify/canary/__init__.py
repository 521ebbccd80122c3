# SPDX-License-Identifier: Apache-2.0
"""Canaries: an auditor's own requests, sent like everybody's and looked for in the log."""
