# SPDX-License-Identifier: Apache-2.0
"""What people ask, answered from the evidence: beside the auditor's room, and with nothing of a gateway."""
