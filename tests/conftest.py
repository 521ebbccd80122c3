# SPDX-License-Identifier: Apache-2.0
"""Laws are tried on fewer examples each day than hypothesis would take; ``--hypothesis-profile=default`` takes all."""

from hypothesis import settings

settings.register_profile("daily", settings(), max_examples=40)
settings.load_profile("daily")
