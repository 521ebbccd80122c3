# SPDX-License-Identifier: Apache-2.0
"""The key broker, its nodes' agents, and what lies on a disk."""
