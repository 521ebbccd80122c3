# SPDX-License-Identifier: Apache-2.0
"""The queue of cases for many reviewers: an index of what the logs say, and claims. Needs the extra ``console``.

    source   what the logs have since they were last read
    tables   what the index holds; migrations make it, and nothing that serves runs them
    database SQLite or PostgreSQL, behind the same statements
    index    taking in what the logs have
    claiming the statements by which a case is picked and claimed
leases   those by which a claim goes on and ends
    reading  pages and figures
    queue    all of it, as commands and the console use it

The log stays the truth. A database that was thrown away is made anew from it, without the claims and skips; one that
was edited shows wrong things to reviewers, and releases nothing.
"""
