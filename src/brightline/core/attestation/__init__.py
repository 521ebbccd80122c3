# SPDX-License-Identifier: Apache-2.0
"""What a machine says about itself, checked: evidence of its maker or operator, and what a policy makes of it.

``evidence`` names the kinds and verifies one; ``appraise`` joins verified claims with a policy, a challenge and a time
into the facts that an agreement asks for. Nothing here reads a clock, a file or the network: certificates, revocation
lists and key sets arrive with the evidence, and the pinned roots as values.
"""
