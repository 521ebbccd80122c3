# SPDX-License-Identifier: Apache-2.0
"""Where the world is touched: sockets, files, clocks, processes. It imports the core, never the reverse."""
