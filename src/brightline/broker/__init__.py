# SPDX-License-Identifier: Apache-2.0
"""The key broker: elsewhere than its nodes, it hands keys to those that show what they are, and to no other."""
