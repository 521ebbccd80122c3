# SPDX-License-Identifier: Apache-2.0
"""The command line: thin commands over the core and the wiring."""
