# SPDX-License-Identifier: Apache-2.0
"""Disguises: 66 classes of ways past a classifier, each as a transform that can be made again from its seed.

``table.py`` is the whole list. Nothing that serves imports it: it measures and trains.
"""
