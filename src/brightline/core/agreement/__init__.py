# SPDX-License-Identifier: Apache-2.0
"""The agreement: what it says (``clause``), in which language (``condition``), how it is read (``load``) and
how it decides (``decide``). Parties, models, clouds and laws are data here; no name of any is in the code."""
