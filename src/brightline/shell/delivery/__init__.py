# SPDX-License-Identifier: Apache-2.0
"""How releases travel: a repository after The Update Framework, on a medium or behind HTTP, and who reads it."""
