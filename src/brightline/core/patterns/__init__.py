# SPDX-License-Identifier: Apache-2.0
"""What no single request shows: who is touched, counted without a name, over keys, units, purposes and time."""
