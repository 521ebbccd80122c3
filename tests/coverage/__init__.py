# SPDX-License-Identifier: Apache-2.0
"""Coverage as a proof: generated from the wire types, so that a new field is covered without a new test."""
