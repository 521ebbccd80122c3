# SPDX-License-Identifier: Apache-2.0
"""Who must sign which entry of the registers. No entry holds by the word of one party."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from brightline.core.facts import Register
from brightline.core.statement import BOTH_PARTIES, Needed, SigningRole

# An officer has an interest in the sale, so the provider's word on tests is its safety people's; that a system was
# tested in its own environment is for the customer's official to say. Neither can say both.
VVT_SIGNERS: Final = (Needed(SigningRole.PROVIDER_SAFETY), Needed(SigningRole.CUSTOMER_OFFICIAL))

ENTRY_SIGNERS: Final[Mapping[Register, tuple[Needed, ...]]] = MappingProxyType(
    {Register.PURPOSE: BOTH_PARTIES, Register.PROTOCOL: BOTH_PARTIES, Register.VVT: VVT_SIGNERS}
)

# A demand comes from outside, perhaps from the other party: the provider alone writes down that it was made.
DEMAND_SIGNERS: Final = (Needed(SigningRole.PROVIDER_OFFICER),)
