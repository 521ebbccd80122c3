# SPDX-License-Identifier: Apache-2.0
"""Which models may be served: what is known of their files, their training and their testing, from signed words alone.

A model is its files. Everything else (safety training, evaluation, verification and testing) is said of the digest
over them, by somebody who signs. Nothing here loads a file or runs a model.
"""
