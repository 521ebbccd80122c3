# SPDX-License-Identifier: Apache-2.0
"""The words by which names are told from what else stands in capitals (``names.py``), in small letters.

English first, with the commonest of German, French, Spanish and Italian. Surnames that are words too (Park, Church,
Washington) are left out of ``NO_PERSON`` on purpose: it is better to count a park than to overlook a person.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICLES: Final = _words("de da dos del la le van von der den bin bint ibn al el ten ter y")
"""Words in small letters that stand inside names."""

TITLES: Final = _words("""
mr mrs ms miss dr prof sir lady capt captain maj major col colonel lt sgt sergeant pvt private cpl herr frau sr sra
señor señora mme mlle dott sig
""")
"""What makes one word in capitals a name."""

SHORTENED: Final = _words("""
Mr Ms Dr St Jr Sr Lt No no vs Mrs Col Gen Sgt Maj Sen Rep Gov Hon Rev Cpl Adm etc Prof Capt
""")
"""Words after which a full stop ends no sentence."""

EDGES: Final = _words("""
a an the and or but if of in on at to for from with by is are was were be been has have had do does did will would can
could should may might must not no yes what who whom whose where when why how which that this these those it he she
they we you i my our your his her their please find list tell show give make write summarise summarize explain
translate describe compare consider assess profile examine investigate recommend prepare draft extract take get fetch
ask call send check look search watch follow report locate identify track monitor compile build add note
dear hello hi regards thanks thank re fwd subject name person target suspect customer patient employee resident
applicant witness monday tuesday wednesday thursday friday saturday sunday january february march april june july
august september october november december
der die das ein eine und oder wo wer was wann wie warum ist sind hat bitte finde suche nenne liste fasse montag
dienstag mittwoch donnerstag freitag samstag sonntag
le la les un une et ou où qui que quand comment pourquoi est trouve trouvez cherche donne résume
el los las y o donde dónde quien quién qué cuándo cómo es busca encuentra dame
dove chi cosa quando come trova cerca dammi
""")
"""Words that begin a sentence, or stand beside a name in one, and are no part of it."""

ALSO_WORDS: Final = _words("""
ada adel adelaide africa alba ale alex also amber amor ana angel apple april art asia asset august aurora austin
autumn bailey bali bay bell ben bill blaze bond bran brook brooke bruno bush camel candy carmel carol cash castle
casa chad charity chase cherry chess china chip chris christian cliff clay cloud cole comfort cora coral corona
costa cruz crystal curt daisy dakota dale dallas dan dana dante dawn dean delta denver destiny devi diamond dick
diva dolores dom don dora drew duke dusty earl ease echo eden edison edu elle elm em ema emery era eve even faith
fay fermin fern fidel finn flora florence floyd ford forest frank gay gem gene georgia ginger glen glory gloria
grace grant gray green guy harmony hazel heath heather henna holly honey hope houston hunter india ian iris isa
israel ivory ivy jack jade jaime jam jamaica jane jar jasmine jay jean jersey jet jewel job jordan joy jude julep
june junior justice karma kelly kenya kim king kit lance lane laura laurel laws lee lena leo liberty lily lincoln
linda lisa logan lola london long lot lou louis love luna luz lux lynn mac madison maja mali mandy mar marina
marine mark marks mars martini mason max may maya mel melody mercy merit messi mia miles ming miranda mira mission
misty mona monica morgan nadir nana nature neo nick nil nile noble nora nova oasis ocean olive oliver opal oscar
page paige palm pam pan paris park parker pat patience paz peace pearl peg penny pia pierce pilar pio piper polly
porter prince prudence queen rain ram rana raven ray reed reese rein rex rich river rob robin rock rod roman rome
rory rosa rose ross roy royal ruby rusty ryan sage sal sally salsa sam samba samson sandy santa savannah scarlet
scout shade shell sienna sierra skip skye sol sole sonny sophia spencer star stella sterling stone storm sue summer
sunny sydney taj tanner tara tate tea terra terry texas theo tiara tiffany tiger tim tina tom tony tracy trent
trinity troy tyler una urban van vega venus vera verity vero victor victoria viola violet virginia wade walker ward
wayne west will willow winter wolf wood yoga york young zion sem nada mas mara ida elke mina saga thi ghi hasta
gian lan lea jana oba hadi huu borja amable jina kata moja siku tatu
""")
"""Given names that are other words too, or places: in small letters they make no name."""

FOLLOW_NAMES: Final = _words("""
wohnt lebt ist war hat hatte und oder nicht auch mit bei von aus nach zum zur wird wurde kann soll muss geht kommt
arbeitet sagt trifft heisst fahrt kennt gestern heute morgen wo wer was wann wie ihr sein seine ihre der die das
den dem habite vit est etait a et ou pas dans avec chez qui va vient travaille parle rencontre hier demain son sa
ses leur aime vive es era no en con que va viene trabaja tiene dice habla ayer hoy su sus por para y o donde cuando
abita e non in che ha lavora parla ieri oggi suo sua per dove quando si sta viene andato
""")
"""Words of German, French, Spanish and Italian that often follow a name and are no part of it."""

NO_PERSON: Final = _words("""
united states kingdom union republic department ministry office agency bureau board committee commission council court
parliament senate congress house university college school institute hospital clinic company corporation corp inc llc
ltd gmbh ag plc group holdings services service systems system international national federal public army navy marines
air force forces guard corps fleet squadron battalion brigade regiment division command fort base station airport
street road avenue boulevard drive square river lake mountain island bay valley county city town village district
region province northern southern eastern western new york los angeles san francisco act code section article chapter
table figure appendix annex title form project program programme plan policy model version english french german
spanish italian russian chinese arabic windows linux python java microsoft google amazon apple openai
ssn itin dob id tel fax gps imei
""")
"""Words of offices, firms and places: they are taken out before words in capitals are counted."""

NAMED_AFTER_PERSONS: Final = _words("""
name names fullname full_name firstname first_name lastname last_name surname given_name givenname person persons
people subject subjects target targets suspect suspects customer patient employee resident citizen applicant witness
member voter owner driver passenger account_holder contact nombre apellido nom prénom prenom nachname vorname nome
cognome имя фамилия 姓名 名前 الاسم
""")
"""Headings of columns, and names of members, that hold names of persons."""
