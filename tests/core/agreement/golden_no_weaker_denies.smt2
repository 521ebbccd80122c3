; no-weaker-denies: a proof about an agreement, in SMT-LIB 2.6. Any solver can run it.
; Claim: Whatever the candidate permits or leaves to people, the baseline permits or leaves to people.
; Proved by the answer unsat. The other answer shows a request for which it is false.
; candidate: test version 1, sha256:0000000000000000000000000000000000000000000000000000000000000000
; baseline: test version 1, sha256:0000000000000000000000000000000000000000000000000000000000000000
; A fact is good, or unknown, or (neither) bad. A clause that is true stands in the way; a grant permits.
(set-info :smt-lib-version 2.6)
(set-option :produce-models true)
(set-logic QF_UF)
(declare-const |lawful.good| Bool)
(declare-const |lawful.unknown| Bool)
(assert (not (and |lawful.good| |lawful.unknown|)))
(declare-const |candidate safe.good| Bool)
(declare-const |candidate safe.unknown| Bool)
(assert (not (and |candidate safe.good| |candidate safe.unknown|)))
(declare-const |baseline safe.good| Bool)
(declare-const |baseline safe.unknown| Bool)
(assert (not (and |baseline safe.good| |baseline safe.unknown|)))
; safe was harm: what the two may hear of one statement
(assert (or (and |candidate safe.good| |baseline safe.good|) (and |candidate safe.good| (and (not |baseline safe.good|) (not |baseline safe.unknown|))) (and |candidate safe.unknown| |baseline safe.unknown|) (and (and (not |candidate safe.good|) (not |candidate safe.unknown|)) (and (not |baseline safe.good|) (not |baseline safe.unknown|)))))
(declare-const |approvals.first>=1| Bool)
(declare-const |approvals.first>=2| Bool)
(assert (=> |approvals.first>=2| |approvals.first>=1|))
; the candidate request: is it permitted?
(define-fun |candidate available| () Bool true)
; GRANT, grant: lawful == 'yes'
(define-fun |candidate clause GRANT| () Bool |lawful.good|)
; ASK, require: when safe != 'yes', that approvals.first >= 2
(define-fun |candidate clause ASK| () Bool (and (not |candidate safe.good|) (not |approvals.first>=2|)))
(define-fun |candidate permits| () Bool (and
  |candidate available|
  |candidate clause GRANT|
  (not |candidate clause ASK|)))
; the baseline request: is it permitted?
(define-fun |baseline available| () Bool true)
; GRANT, grant: lawful == 'yes'
(define-fun |baseline clause GRANT| () Bool |lawful.good|)
; ASK, require: when harm != 'no', that approvals.first >= 1
(define-fun |baseline clause ASK| () Bool (and (not |baseline safe.good|) (not |approvals.first>=1|)))
(define-fun |baseline permits| () Bool (and
  |baseline available|
  |baseline clause GRANT|
  (not |baseline clause ASK|)))
; the candidate request at its best: settleable unknowns good, approvals at their caps
(define-fun |candidate safe.best| () Bool (or |candidate safe.good| |candidate safe.unknown|))
(define-fun |candidate clause GRANT at best| () Bool |lawful.good|)
(define-fun |candidate clause ASK at best| () Bool (and (not |candidate safe.best|) (not true)))
(define-fun |candidate permits at best| () Bool (and
  |candidate clause GRANT at best|
  (not |candidate clause ASK at best|)))
(define-fun |candidate permits or holds| () Bool (and |candidate available| (or |candidate permits| |candidate permits at best|)))
; the baseline request at its best: settleable unknowns good, approvals at their caps
(define-fun |baseline harm.best| () Bool (or |baseline safe.good| |baseline safe.unknown|))
(define-fun |baseline clause GRANT at best| () Bool |lawful.good|)
(define-fun |baseline clause ASK at best| () Bool (and (not |baseline harm.best|) (not true)))
(define-fun |baseline permits at best| () Bool (and
  |baseline clause GRANT at best|
  (not |baseline clause ASK at best|)))
(define-fun |baseline permits or holds| () Bool (and |baseline available| (or |baseline permits| |baseline permits at best|)))
; what would contradict the claim
(assert (and |candidate permits or holds| (not |baseline permits or holds|)))
(check-sat)
; after the answer sat, this asks for the request:
; (get-value (|lawful.good| |lawful.unknown| |candidate safe.good| |candidate safe.unknown| |baseline safe.good| |baseline safe.unknown| |approvals.first>=1| |approvals.first>=2|))
