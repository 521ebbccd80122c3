# SPDX-License-Identifier: Apache-2.0
"""The tour: a real small model behind a real gateway, driven with the real SDK, and its evidence verified."""
