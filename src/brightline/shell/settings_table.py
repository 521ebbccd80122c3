# SPDX-License-Identifier: Apache-2.0
"""What every table of settings is: typed to the letter, fixed once read, and without a key that nobody knows.

So a misspelt setting never looks as if it were in force, and no part of a running gateway changes one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=3_600)]


class SettingsTable(BaseModel):
    """A table of ``brightline.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
