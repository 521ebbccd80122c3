# SPDX-License-Identifier: Apache-2.0
"""The gateway: ASGI in, the pump between, the model server behind."""
