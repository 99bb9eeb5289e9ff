-- Money is whole minor units. Who decides how it moves is the domain; what may never be true of it stands here as well:
-- journals sum to zero, balances keep their side, nobody gets back more than was paid, and what was written in the books
-- stays as it is.
-- People are known by their account: a membership is locked while somebody books, which must not hold up who keeps the books.

CREATE TABLE billing_terms (
  hostel_id {uuid} PRIMARY KEY REFERENCES hostels (id),
  deposit_percent BIGINT NOT NULL CHECK (deposit_percent BETWEEN 0 AND 1200),
  first_due_days BIGINT NOT NULL CHECK (first_due_days BETWEEN 0 AND 60),
  advance_allowed BOOLEAN NOT NULL,
  answer_days BIGINT NOT NULL CHECK (answer_days BETWEEN 1 AND 60),
  rehousing_hours BIGINT NOT NULL CHECK (rehousing_hours BETWEEN 0 AND 720),
  version BIGINT NOT NULL CHECK (version > 0),
  updated_at BIGINT NOT NULL
);;

-- total is the sum of the lines, which is checked at the commit. A booking may be deleted; its invoices stay.
CREATE TABLE invoices (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  booking_id {uuid} NOT NULL,
  user_id {uuid} NOT NULL REFERENCES accounts (id),
  kind TEXT NOT NULL CHECK (kind IN ('deposit', 'rent')),
  sequence BIGINT NOT NULL CHECK (sequence > 0),
  period_from DATE NOT NULL,
  period_to DATE NOT NULL,
  due_date DATE NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  total BIGINT NOT NULL,
  paid BIGINT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT ck_invoices__period CHECK (period_from < period_to),
  CONSTRAINT ck_invoices__total CHECK (total >= 0),
  CONSTRAINT ck_invoices__paid CHECK (paid >= 0 AND paid <= total)
);;
CREATE UNIQUE INDEX uq_invoices__booking_kind_sequence ON invoices (hostel_id, booking_id, kind, sequence);;
CREATE INDEX ix_invoices__user ON invoices (hostel_id, user_id, due_date, id);;
CREATE INDEX ix_invoices__due ON invoices (hostel_id, due_date, id);;
CREATE INDEX ix_invoices__created ON invoices (hostel_id, created_at, id);;

CREATE TABLE invoice_lines (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  invoice_id {uuid} NOT NULL,
  number BIGINT NOT NULL CHECK (number > 0),
  kind TEXT NOT NULL CHECK (kind IN ('rent', 'deposit', 'adjustment', 'refund')),
  text TEXT NOT NULL CHECK (length(text) <= 200),
  amount BIGINT NOT NULL CHECK (amount <> 0),
  at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, invoice_id, number),
  CONSTRAINT fk_invoice_lines__invoice FOREIGN KEY (hostel_id, invoice_id) REFERENCES invoices (hostel_id, id)
);;

-- authorization_url is ciphertext: who has it can pay.
CREATE TABLE payments (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  user_id {uuid} NOT NULL REFERENCES accounts (id),
  booking_id {uuid},
  invoice_id {uuid},
  purpose TEXT NOT NULL CHECK (purpose IN ('invoice', 'booking', 'wallet_topup')),
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  refunded BIGINT NOT NULL,
  refund_pending BIGINT NOT NULL,
  fees BIGINT,
  gateway_id TEXT,
  authorization_url {bytes},
  asking_until BIGINT,
  expires_at BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'completed', 'failed')),
  settled_at BIGINT,
  failure TEXT,
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT ck_payments__refunds CHECK (refunded >= 0 AND refund_pending >= 0 AND refunded <= amount - refund_pending
    AND (state = 'completed' OR (refunded = 0 AND refund_pending = 0))),
  CONSTRAINT ck_payments__state CHECK ((state = 'pending') = (settled_at IS NULL) AND (state = 'failed') = (failure IS NOT NULL)),
  CONSTRAINT fk_payments__invoice FOREIGN KEY (hostel_id, invoice_id) REFERENCES invoices (hostel_id, id)
);;
-- A gateway names a payment by its reference and knows no hostels, so it is taken once in all of them.
CREATE UNIQUE INDEX uq_payments__provider_reference ON payments (provider, reference);;
CREATE INDEX ix_payments__reference ON payments (hostel_id, reference);;
CREATE INDEX ix_payments__created ON payments (hostel_id, created_at, id);;
CREATE INDEX ix_payments__amount ON payments (hostel_id, amount, id);;
CREATE INDEX ix_payments__user ON payments (hostel_id, user_id, created_at, id);;
CREATE INDEX ix_payments__booking ON payments (hostel_id, booking_id) WHERE booking_id IS NOT NULL;;
CREATE INDEX ix_payments__invoice ON payments (hostel_id, invoice_id) WHERE invoice_id IS NOT NULL;;
-- A payment that failed while its session lasted may yet be paid on the same page.
CREATE INDEX ix_payments__unfinished ON payments (updated_at)
  WHERE state = 'pending' OR (state = 'failed' AND settled_at < expires_at);;

-- Rows are only added; what stands is their sum by payment and target, and never below nothing.
CREATE TABLE payment_allocations (
  ordinal {serial},
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  payment_id {uuid} NOT NULL,
  target TEXT NOT NULL CHECK (target IN ('invoice', 'wallet', 'suspense')),
  invoice_id {uuid},
  amount BIGINT NOT NULL CHECK (amount <> 0),
  CONSTRAINT ck_payment_allocations__target CHECK ((target = 'invoice') = (invoice_id IS NOT NULL)),
  CONSTRAINT fk_payment_allocations__payment FOREIGN KEY (hostel_id, payment_id) REFERENCES payments (hostel_id, id),
  CONSTRAINT fk_payment_allocations__invoice FOREIGN KEY (hostel_id, invoice_id) REFERENCES invoices (hostel_id, id)
);;
CREATE INDEX ix_payment_allocations__payment ON payment_allocations (hostel_id, payment_id);;
CREATE INDEX ix_payment_allocations__invoice ON payment_allocations (hostel_id, invoice_id) WHERE invoice_id IS NOT NULL;;
CREATE INDEX ix_payment_allocations__suspense ON payment_allocations (hostel_id, payment_id) WHERE target = 'suspense';;

-- answer_note is ciphertext.
CREATE TABLE deposits (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  booking_id {uuid} NOT NULL,
  user_id {uuid} NOT NULL REFERENCES accounts (id),
  invoice_id {uuid} NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  held BIGINT NOT NULL CHECK (held >= 0),
  answer_until BIGINT,
  answer_accepted BOOLEAN,
  answer_note {bytes},
  answer_at BIGINT,
  returned BIGINT NOT NULL CHECK (returned >= 0),
  status TEXT NOT NULL CHECK (status IN ('awaiting', 'held', 'assessed', 'answered', 'settled', 'released')),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT ck_deposits__answer CHECK ((answer_at IS NULL) = (answer_accepted IS NULL)
    AND (answer_note IS NULL OR answer_at IS NOT NULL)),
  CONSTRAINT ck_deposits__over CHECK (held = 0 OR status NOT IN ('settled', 'released')),
  CONSTRAINT fk_deposits__invoice FOREIGN KEY (hostel_id, invoice_id) REFERENCES invoices (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_deposits__booking ON deposits (hostel_id, booking_id);;
CREATE INDEX ix_deposits__created ON deposits (hostel_id, created_at, id);;
CREATE INDEX ix_deposits__user ON deposits (hostel_id, user_id, created_at, id);;

CREATE TABLE deposit_deductions (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  deposit_id {uuid} NOT NULL,
  number BIGINT NOT NULL CHECK (number > 0),
  text TEXT NOT NULL CHECK (length(text) <= 200),
  amount BIGINT NOT NULL CHECK (amount > 0),
  PRIMARY KEY (hostel_id, deposit_id, number),
  CONSTRAINT fk_deposit_deductions__deposit FOREIGN KEY (hostel_id, deposit_id) REFERENCES deposits (hostel_id, id)
);;

CREATE TABLE refunds (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  payment_id {uuid} NOT NULL,
  user_id {uuid} NOT NULL REFERENCES accounts (id),
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  reason TEXT NOT NULL CHECK (length(reason) <= 500),
  origin TEXT NOT NULL CHECK (origin IN ('decided', 'suspense', 'deposit')),
  deposit_id {uuid},
  taken_from {json} NOT NULL,
  reference TEXT NOT NULL,
  gateway_id TEXT,
  message TEXT,
  attempts BIGINT NOT NULL CHECK (attempts >= 0),
  asking_until BIGINT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'completed', 'failed', 'needs_attention')),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT ck_refunds__origin CHECK ((origin = 'deposit') = (deposit_id IS NOT NULL)),
  CONSTRAINT fk_refunds__payment FOREIGN KEY (hostel_id, payment_id) REFERENCES payments (hostel_id, id),
  CONSTRAINT fk_refunds__deposit FOREIGN KEY (hostel_id, deposit_id) REFERENCES deposits (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_refunds__reference ON refunds (reference);;
CREATE INDEX ix_refunds__payment ON refunds (hostel_id, payment_id, created_at, id);;
CREATE INDEX ix_refunds__unfinished ON refunds (updated_at) WHERE state = 'pending';;

-- side says which sign a balance has, and follows from the kind.
CREATE TABLE ledger_accounts (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  side TEXT NOT NULL,
  balance BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, kind, owner, currency),
  CONSTRAINT ck_ledger_accounts__kind CHECK (
    (side = 'debit' AND kind IN ('gateway', 'receivable'))
    OR (side = 'credit' AND kind IN ('rent_income', 'other_income', 'deposit_billed', 'deposit_liability', 'wallet',
      'suspense', 'refund_payable'))),
  CONSTRAINT ck_ledger_accounts__floor CHECK ((side = 'debit' AND balance >= 0) OR (side = 'credit' AND balance <= 0))
);;

-- key says what a journal is the effect of: an effect that is repeated is refused, whoever forgot that it is there.
CREATE TABLE journals (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  key TEXT NOT NULL CHECK (length(key) <= 100),
  text TEXT NOT NULL CHECK (length(text) <= 200),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_journals__key ON journals (hostel_id, key);;
-- What an entry's key points to: its journal in its one currency.
CREATE UNIQUE INDEX uq_journals__currency ON journals (hostel_id, id, currency);;
CREATE INDEX ix_journals__at ON journals (hostel_id, at, id);;

CREATE TABLE journal_entries (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  journal_id {uuid} NOT NULL,
  number BIGINT NOT NULL CHECK (number > 0),
  account_kind TEXT NOT NULL,
  account_owner TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (hostel_id, journal_id, number),
  CONSTRAINT fk_journal_entries__journal FOREIGN KEY (hostel_id, journal_id, currency)
    REFERENCES journals (hostel_id, id, currency),
  CONSTRAINT fk_journal_entries__account FOREIGN KEY (hostel_id, account_kind, account_owner, currency)
    REFERENCES ledger_accounts (hostel_id, kind, owner, currency)
);;
CREATE INDEX ix_journal_entries__account ON journal_entries (hostel_id, account_kind, account_owner, journal_id);;

-- What gateways tell, kept before it is acknowledged: headers and body are ciphertext. Without a hostel it concerns no payment
-- of ours.
CREATE TABLE payment_inbox (
  id {uuid} PRIMARY KEY,
  hostel_id {uuid} REFERENCES hostels (id),
  provider TEXT NOT NULL,
  dedupe_key TEXT NOT NULL,
  reference TEXT,
  headers {bytes} NOT NULL,
  body {bytes} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'processed', 'put_aside')),
  state_at BIGINT,
  why TEXT,
  deliveries BIGINT NOT NULL CHECK (deliveries > 0),
  received_at BIGINT NOT NULL,
  CONSTRAINT ck_payment_inbox__state CHECK ((state = 'waiting') = (state_at IS NULL) AND (state = 'put_aside') = (why IS NOT NULL))
);;
CREATE UNIQUE INDEX uq_payment_inbox__dedupe ON payment_inbox (provider, dedupe_key);;
CREATE INDEX ix_payment_inbox__unfinished ON payment_inbox (received_at) WHERE state = 'waiting' AND hostel_id IS NOT NULL;;

CREATE TABLE payment_quarantine (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  payment_id {uuid} NOT NULL,
  provider TEXT NOT NULL,
  suspicion TEXT NOT NULL CHECK (suspicion IN ('amount', 'currency', 'domain', 'reference', 'provider', 'reversed', 'refund')),
  expected BIGINT NOT NULL,
  expected_currency TEXT NOT NULL CHECK (length(expected_currency) = 3),
  reported BIGINT NOT NULL,
  reported_currency TEXT NOT NULL CHECK (length(reported_currency) = 3),
  note TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT fk_payment_quarantine__payment FOREIGN KEY (hostel_id, payment_id) REFERENCES payments (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_payment_quarantine__report
  ON payment_quarantine (hostel_id, payment_id, suspicion, reported, reported_currency);;
CREATE INDEX ix_payment_quarantine__at ON payment_quarantine (hostel_id, at, id);;

-- The sandbox is a gateway like any other, somebody outside, and knows no hostels.
CREATE TABLE sandbox_charges (
  reference TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  refunded BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'hanging', 'paid', 'declined')),
  return_url TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  decided_at BIGINT,
  notices_due BIGINT NOT NULL,
  notices_sent BIGINT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  CONSTRAINT ck_sandbox_charges__refunded CHECK (refunded >= 0 AND refunded <= amount AND (refunded = 0 OR state = 'paid')),
  CONSTRAINT ck_sandbox_charges__notices CHECK (notices_sent >= 0 AND notices_sent <= notices_due)
);;
CREATE INDEX ix_sandbox_charges__untold ON sandbox_charges (decided_at) WHERE notices_sent < notices_due;;

CREATE TABLE sandbox_refunds (
  reference TEXT PRIMARY KEY,
  charge_reference TEXT NOT NULL REFERENCES sandbox_charges (reference),
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  state TEXT NOT NULL CHECK (state IN ('pending', 'processed', 'failed', 'needs-attention')),
  created_at BIGINT NOT NULL,
  notices_due BIGINT NOT NULL,
  notices_sent BIGINT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  CONSTRAINT ck_sandbox_refunds__notices CHECK (notices_sent >= 0 AND notices_sent <= notices_due)
);;
CREATE INDEX ix_sandbox_refunds__untold ON sandbox_refunds (created_at) WHERE notices_sent < notices_due;;
