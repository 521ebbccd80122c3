# SPDX-License-Identifier: Apache-2.0
"""Storage: files that survive a crash, the write-ahead log, its writer and its publisher."""
