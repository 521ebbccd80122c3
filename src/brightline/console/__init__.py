# SPDX-License-Identifier: Apache-2.0
"""The review console: pages on which cleared people read what is held, and sign what they know of it.

Its own process, its own listener, its own identity. It reads the logs and writes two kinds of record, DECISION and
REVEAL, and whatever else people sign; it can release nothing, because nothing can. Held words are hostile: they reach
a page through ``words.py`` alone, as text in a box, and the page's policy runs nothing.

door       what is let in, and under which headers anything goes out
app, room  the routes, and the one way to a handler: who is there, for what, by which form
person     who is there (``Identity`` is a port), and the token of a form
books      the logs as the console reads them, on one thread
words      text as pieces: what is drawn, what is marked, what is masked
looking    a case as its page shows it; shown, its words; law, what clauses say and what answers lead to
answering  from a form to a signed decision; revealing, a masked identifier with its reason
figures    the figures of people's part, each a plot of ``plots``
standings  how units stand; papers, what officers sign, and what waits for a second signature
*_pages    the pages: of the queue, of a case, of the figures, of officers
"""
