# SPDX-License-Identifier: Apache-2.0
"""The APIs that are served: a line for each."""

from __future__ import annotations

from typing import Final

from brightline.core.exchange.api import chat, embeddings, responses
from brightline.core.exchange.api.protocol import Api

APIS: Final[tuple[Api, ...]] = (chat, responses, embeddings)

BY_ROUTE: Final = {api.ROUTE: api for api in APIS}
ENDPOINT_MODELS: Final = "models"
ENDPOINTS: Final = (*(api.ENDPOINT for api in APIS), ENDPOINT_MODELS)
"""Everything that a registration can list and that is served."""
