# SPDX-License-Identifier: Apache-2.0
"""People in the loop: what is held, what they are asked, what they answered, and for what their answer counts.

case      a hold: what could not be judged, and the questions put to people
content   what they look at: the held exchange, kept where it can be destroyed
roster    who may answer, by which credential, for how long
enrolment how one comes on the roster, changes there and goes
roles     what each may do: one table
decision  one person's signed answers
passkey   how a passkey signs them, and how that is verified
quorum    how many of which office must say the same
docket    all that was decided, and which answers count for an exchange
telling   what an application's own server is told
recusal   who may not decide what they made themselves
staffing  whether there are enough of them
kept      what is given out once when people have released it
settle    answers applied to what the detectors found
claims    who works at which case, and who may
denying   the bad answer to many cases
pace      how much of it one person has, before a break
urgency   how grave a case is, and when it is due
"""
