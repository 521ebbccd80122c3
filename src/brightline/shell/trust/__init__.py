# SPDX-License-Identifier: Apache-2.0
"""Who signs, who attests, what is admitted: trust roots on disk, and the lease."""
