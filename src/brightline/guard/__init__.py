# SPDX-License-Identifier: Apache-2.0
"""The guard: beside the model, it answers to nothing but a pass token. It stands without the gateway."""
