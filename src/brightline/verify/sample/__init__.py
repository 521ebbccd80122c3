# SPDX-License-Identifier: Apache-2.0
"""Evidence to try the verifier on: an honest site, and the same site under an operator who cheats."""
