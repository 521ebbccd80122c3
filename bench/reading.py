# SPDX-License-Identifier: Apache-2.0
"""Reads the requests and answers of invented customers as the gateway does, each text with its names left out once.

A text that an application asks again and again with another name is read again and again to the same end: the same
matters, the same question, another person. So it is read once with names that stand for others, and these are put in
their places afterwards. A text with a name that is not read as one person by itself, or with one name twice, is read
whole; so is one in a hundred of the others, and compared. What was read otherwise is counted, and told: a name that is
made by chance may be a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.patterns.asked import Asked
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import Touched
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import persons_in, touched_by, touched_by_answer

STANDING_FOR: Final = ("Kraiduvon Bresukova", "Tremolin Vadiberg", "Plebasor Niarutti")
WHOLE_EVERY: Final = 100


def written(text: str, names: tuple[str, ...]) -> str:
    """A text with its names: ``{}`` for the first, ``{*}`` for each of the others."""
    text = text.replace("{}", names[0])
    for other in names[1:]:
        text = text.replace("{*}", other, 1)
    return text


class Reader:
    """``whole`` is how many texts were read whole and compared, ``otherwise`` how many came to something else."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = keys
        self._requests: dict[str, Touched] = {}
        self._asked: dict[tuple[str, tuple[int, int]], Asked] = {}
        self._answers: dict[tuple[str, int, int], Touched] = {}
        self._read = 0
        self.whole = self.otherwise = 0

    def request(self, text: str, name: str, unix: int) -> tuple[Touched, Asked]:
        """The persons of a request, and how it asks."""
        if not _alone(name):
            return self._request_whole(text, name, unix)
        read = self._requests.get(text)
        if read is None:
            read = self._requests[text] = touched_by(_exchange(text, STANDING_FOR[0]))
        asked = self._asked.get((text, spans_at(unix)))
        if asked is None:
            _, asked = self._request_whole(text, STANDING_FOR[0], unix)
            self._asked[text, spans_at(unix)] = asked
        told = _put(read, (name,)), asked
        if self._compares() and told != self._request_whole(text, name, unix):
            self.otherwise += 1
        return told

    def answer(self, text: str, names: tuple[str, ...], about: int) -> Touched:
        """The persons of an answer to a request that asks for ``about`` of nobody in particular."""
        if len(names) > len(STANDING_FOR) or len(set(names)) < len(names) or not all(map(_alone, names)):
            return _answer_whole(text, names, about)
        key = text, len(names), about
        read = self._answers.get(key)
        if read is None:
            read = self._answers[key] = _answer_whole(text, STANDING_FOR[: len(names)], about)
        told = _put(read, names)
        if self._compares() and told != _answer_whole(text, names, about):
            self.otherwise += 1
        return told

    def _request_whole(self, text: str, name: str, unix: int) -> tuple[Touched, Asked]:
        exchange = _exchange(text, name)
        touched = touched_by(exchange)
        return touched, ask(exchange, touched.persons, unix, self._keys)

    def _compares(self) -> bool:
        self._read += 1
        if self._read % WHOLE_EVERY:
            return False
        self.whole += 1
        return True


def _exchange(text: str, name: str) -> Exchange:
    return Exchange("chat", "m", (Turn(Role.USER, (written(text, (name,)),)),))


def _answer_whole(text: str, names: tuple[str, ...], about: int) -> Touched:
    return touched_by_answer(Reply((ReplyChoice(0, written(text, names)),)), about)


@cache
def _person(name: str) -> tuple[str, ...]:
    return tuple(persons_in(f"It is about {name}."))


def _alone(name: str) -> bool:
    return len(_person(name)) == 1


def _put(read: Touched, names: tuple[str, ...]) -> Touched:
    places = {_person(one)[0]: _person(name)[0] for one, name in zip(STANDING_FOR, names, strict=False)}
    return Touched(tuple((places.get(person, person), about) for person, about in read.persons), read.more, read.about)
