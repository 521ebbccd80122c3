# SPDX-License-Identifier: Apache-2.0
"""A compositional grammar for breadth: rows put together of factors, in eight languages, labelled by the factors."""
