# SPDX-License-Identifier: Apache-2.0
"""Who sits before the console: people come in with a passkey, or through an OpenID provider, and go.

Whoever comes in is on the roster that both parties signed, now and at each page; what an OpenID provider says of them
can take away from that and never add. A session opens pages. It signs nothing: each decision is signed by itself.

narrowing  what a provider's claims leave of somebody's roles, clearance and time
sessions   who has come in, until when
sealed     values that a browser keeps for us for a few minutes
arriving   coming in with a passkey
oidc       an OpenID provider: found, asked, and what it says verified
rooms      the pages on which people come and go; enrolling, the one on which they make a passkey
"""
