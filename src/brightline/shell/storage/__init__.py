# SPDX-License-Identifier: Apache-2.0
"""Where records become durable, and where they are published.

``durable`` knows files that survive a crash, ``wal`` the private log of one shard, ``sequencer`` its single
writer, ``publisher`` the public tiles and checkpoint, which are always behind what is durable and never ahead
of it.
"""
