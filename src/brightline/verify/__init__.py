# SPDX-License-Identifier: Apache-2.0
"""The auditor's room: it needs no gateway, no state folder and no trust in whoever runs them."""
