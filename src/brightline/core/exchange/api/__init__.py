# SPDX-License-Identifier: Apache-2.0
"""One file per API. Each maps bytes to the typed Exchange and back, and nothing else knows its wire format."""
