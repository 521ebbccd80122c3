# SPDX-License-Identifier: Apache-2.0
"""What an API is, the table of those that are served, and their modules. Nothing else knows their wire formats."""
