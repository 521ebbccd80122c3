# SPDX-License-Identifier: Apache-2.0
"""The way of an exchange, as one state machine: events in, commands out, and nothing is awaited here."""
