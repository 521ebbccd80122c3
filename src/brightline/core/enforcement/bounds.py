# SPDX-License-Identifier: Apache-2.0
"""What a workload's registration lets it send, as structure: endpoint, tools, bytes, tokens, choices.

This is decided right after the ATTEMPT is durable and before any detector is asked: no score can let through what is
not on a closed list, and no detector has to know the lists. A tool is known by the digest of its whole schema, so a
listed name with another description or other parameters is another tool.

Nothing here counts against a unit's standing: a request outside its registration is a mistake, or a registration that
is yet to be made.
"""

from __future__ import annotations

import msgspec

from brightline.core.errors import OutsideRegistration
from brightline.core.exchange.model import Exchange, UpstreamRequest, tool_digest
from brightline.core.workload import Registration


def within(exchange: Exchange, registration: Registration) -> Exchange:
    """Return the exchange as it is sent: where the caller sets no limit to an answer, the registered one is asked.

    A caller's own limit is left as it is; one that is above the registered limit is refused by :func:`outside`.
    """
    sampling = exchange.sampling
    if sampling.max_tokens is not None or sampling.max_completion_tokens is not None:
        return exchange
    asked = msgspec.structs.replace(sampling, max_tokens=registration.output_tokens_max)
    return msgspec.structs.replace(exchange, sampling=asked)


def outside(
    exchange: Exchange, request: UpstreamRequest, endpoint: str, registration: Registration
) -> OutsideRegistration | None:
    """Return why the exchange is outside its registration, with the place; ``None`` if it is inside.

    ``request`` is our own serialisation, which is what the registered bytes are counted on; ``endpoint`` is what the
    API needs to be listed.
    """
    if endpoint not in registration.endpoints:
        return OutsideRegistration("this workload is not registered for this endpoint", "")
    if len(request.body) > registration.request_bytes_max:
        most = registration.request_bytes_max
        return OutsideRegistration(f"the request has {len(request.body)} bytes; registered are {most}", "messages")
    if exchange.choices > registration.choices_max:
        return OutsideRegistration(f"{exchange.choices} choices; registered are {registration.choices_max}", "n")
    return _more_tokens(exchange, registration) or _other_tool(exchange, registration)


def _more_tokens(exchange: Exchange, registration: Registration) -> OutsideRegistration | None:
    sampling, most = exchange.sampling, registration.output_tokens_max
    for param, asked in (
        ("max_tokens", sampling.max_tokens),
        ("max_completion_tokens", sampling.max_completion_tokens),
    ):
        if asked is not None and asked > most:
            return OutsideRegistration(f"{asked} tokens of output; registered are {most}", param)
    return None


def _other_tool(exchange: Exchange, registration: Registration) -> OutsideRegistration | None:
    for i, tool in enumerate(exchange.tools):
        registered = registration.tools.get(tool.name)
        if registered is None:
            return OutsideRegistration("this tool is not registered for this workload", f"tools[{i}].function.name")
        if registered != tool_digest(tool):
            return OutsideRegistration("this tool is registered with another schema", f"tools[{i}].function")
    for i, turn in enumerate(exchange.turns):
        for j, call in enumerate(turn.calls):
            if call.name not in registration.tools:
                place = f"messages[{i}].tool_calls[{j}].function.name"
                return OutsideRegistration("this tool is not registered for this workload", place)
    if exchange.tool_choice.name and exchange.tool_choice.name not in registration.tools:
        return OutsideRegistration("this tool is not registered for this workload", "tool_choice.function.name")
    return None
