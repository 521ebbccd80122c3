# SPDX-License-Identifier: Apache-2.0
"""A small witness of our own: it cosigns the largest consistent tree that it has seen of each log it was told of."""
