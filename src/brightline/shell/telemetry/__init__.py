# SPDX-License-Identifier: Apache-2.0
"""What operators see of a running node: metrics, traces, logs. None of it holds content, facts, keys or names."""
