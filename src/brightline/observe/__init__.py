# SPDX-License-Identifier: Apache-2.0
"""The observer: what the agreement would say of traffic that somebody else serves. It can serve nothing itself.

It has no address of a model, no key for one, and no key that signs pass tokens; it imports no gateway.
"""
