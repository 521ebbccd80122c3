# SPDX-License-Identifier: Apache-2.0
"""What other gateways' configurations say, as far as it can be said here, and by name what cannot."""
