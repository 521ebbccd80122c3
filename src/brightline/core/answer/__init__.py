# SPDX-License-Identifier: Apache-2.0
"""What people ask of a deployment, and what the evidence says to it: questions, claims and evidence as data."""
