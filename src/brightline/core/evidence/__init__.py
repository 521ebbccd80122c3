# SPDX-License-Identifier: Apache-2.0
"""Evidence: records, the Merkle tree over them, signed checkpoints, and the audit that needs nothing else."""
