# SPDX-License-Identifier: Apache-2.0
"""How the queue's database is made and changed, run by ``brightline review migrate`` alone."""
