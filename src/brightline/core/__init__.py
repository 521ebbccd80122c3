# SPDX-License-Identifier: Apache-2.0
"""The functional core. Nothing below this folder reads a clock, a file, a socket or a random number."""
