# SPDX-License-Identifier: Apache-2.0
"""The register, a shard of the log: who may call, what holds, what is in force, how units stand. Databases are
only its cache."""
