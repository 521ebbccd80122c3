# SPDX-License-Identifier: Apache-2.0
"""The fields of a form, as every page of the console reads them."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

FIELDS_MAX: Final = 300


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once; a file is none. Raises ``HTTPException``."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "expected a form")
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            if name in fields or not isinstance(value, str):
                raise HTTPException(400, "a field stands twice")
            fields[name] = value
        return fields
