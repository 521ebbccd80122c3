# SPDX-License-Identifier: Apache-2.0
"""Training: corpora in, a classifier release out. Needs ``brightline[train]``; nothing that serves imports this."""
