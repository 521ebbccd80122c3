# SPDX-License-Identifier: Apache-2.0
"""The guard beside the model, over real sockets."""
