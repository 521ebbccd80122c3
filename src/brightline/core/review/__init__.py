# SPDX-License-Identifier: Apache-2.0
"""People in the loop: holds, and later their answers and quorums."""
