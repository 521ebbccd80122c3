# SPDX-License-Identifier: Apache-2.0
"""A language model that somebody published, read and run as far as its hidden states. It answers nothing."""
