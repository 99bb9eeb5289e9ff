-- SQLite has no constraint triggers. What has to be zero at the commit is kept beside what it is a sum of, with a deferred
-- key to the only row of zeros: as long as it is anything else, the commit is refused.
CREATE TABLE zeros (zero INTEGER PRIMARY KEY CHECK (zero = 0));;
INSERT INTO zeros VALUES (0);;
CREATE TRIGGER zeros__stays BEFORE DELETE ON zeros
BEGIN SELECT RAISE(ABORT, 'zeros is for good'); END;;
CREATE TRIGGER zeros__fixed BEFORE UPDATE ON zeros
BEGIN SELECT RAISE(ABORT, 'zeros is for good'); END;;

-- The sum of a journal's entries; 1 before the first.
CREATE TABLE journal_sums (
  hostel_id BLOB NOT NULL,
  journal_id BLOB NOT NULL,
  difference BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, journal_id),
  CONSTRAINT fk_journal_sums__journal FOREIGN KEY (hostel_id, journal_id) REFERENCES journals (hostel_id, id),
  CONSTRAINT ck_journals__sum FOREIGN KEY (difference) REFERENCES zeros (zero) DEFERRABLE INITIALLY DEFERRED
);;
CREATE TRIGGER journals__open AFTER INSERT ON journals
BEGIN INSERT INTO journal_sums VALUES (NEW.hostel_id, NEW.id, 1); END;;
CREATE TRIGGER journal_entries__sum AFTER INSERT ON journal_entries
BEGIN
  UPDATE journal_sums SET difference = (SELECT sum(e.amount) FROM journal_entries e
    WHERE e.hostel_id = NEW.hostel_id AND e.journal_id = NEW.journal_id)
  WHERE hostel_id = NEW.hostel_id AND journal_id = NEW.journal_id;
END;;
CREATE TRIGGER journal_sums__true BEFORE UPDATE ON journal_sums
WHEN NEW.hostel_id <> OLD.hostel_id OR NEW.journal_id <> OLD.journal_id OR NEW.difference IS NOT (
  SELECT sum(e.amount) FROM journal_entries e WHERE e.hostel_id = NEW.hostel_id AND e.journal_id = NEW.journal_id)
BEGIN SELECT RAISE(ABORT, 'journal_sums follows journal_entries'); END;;
CREATE TRIGGER journal_sums__stays BEFORE DELETE ON journal_sums
BEGIN SELECT RAISE(ABORT, 'journal_sums follows journal_entries'); END;;

-- What an invoice is for, without the sum of its lines; 1 before the first.
CREATE TABLE invoice_sums (
  hostel_id BLOB NOT NULL,
  invoice_id BLOB NOT NULL,
  difference BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, invoice_id),
  CONSTRAINT fk_invoice_sums__invoice FOREIGN KEY (hostel_id, invoice_id) REFERENCES invoices (hostel_id, id),
  CONSTRAINT ck_invoices__lines FOREIGN KEY (difference) REFERENCES zeros (zero) DEFERRABLE INITIALLY DEFERRED
);;
CREATE TRIGGER invoices__open AFTER INSERT ON invoices
BEGIN INSERT INTO invoice_sums VALUES (NEW.hostel_id, NEW.id, 1); END;;
CREATE TRIGGER invoices__sum AFTER UPDATE OF total ON invoices
BEGIN
  UPDATE invoice_sums SET difference = NEW.total - (SELECT sum(l.amount) FROM invoice_lines l
    WHERE l.hostel_id = NEW.hostel_id AND l.invoice_id = NEW.id)
  WHERE hostel_id = NEW.hostel_id AND invoice_id = NEW.id;
END;;
CREATE TRIGGER invoice_lines__sum AFTER INSERT ON invoice_lines
BEGIN
  UPDATE invoice_sums SET difference =
    (SELECT i.total FROM invoices i WHERE i.hostel_id = NEW.hostel_id AND i.id = NEW.invoice_id)
    - (SELECT sum(l.amount) FROM invoice_lines l WHERE l.hostel_id = NEW.hostel_id AND l.invoice_id = NEW.invoice_id)
  WHERE hostel_id = NEW.hostel_id AND invoice_id = NEW.invoice_id;
END;;
CREATE TRIGGER invoice_sums__true BEFORE UPDATE ON invoice_sums
WHEN NEW.hostel_id <> OLD.hostel_id OR NEW.invoice_id <> OLD.invoice_id OR NEW.difference IS NOT (
  (SELECT i.total FROM invoices i WHERE i.hostel_id = NEW.hostel_id AND i.id = NEW.invoice_id)
  - (SELECT sum(l.amount) FROM invoice_lines l WHERE l.hostel_id = NEW.hostel_id AND l.invoice_id = NEW.invoice_id))
BEGIN SELECT RAISE(ABORT, 'invoice_sums follows invoice_lines'); END;;
CREATE TRIGGER invoice_sums__stays BEFORE DELETE ON invoice_sums
BEGIN SELECT RAISE(ABORT, 'invoice_sums follows invoice_lines'); END;;

CREATE TRIGGER ck_payment_allocations__sum AFTER INSERT ON payment_allocations
WHEN (SELECT sum(a.amount) FROM payment_allocations a WHERE a.hostel_id = NEW.hostel_id AND a.payment_id = NEW.payment_id
  AND a.target = NEW.target AND a.invoice_id IS NEW.invoice_id) < 0
BEGIN SELECT RAISE(ABORT, 'ck_payment_allocations__sum'); END;;

-- What is only ever added.
CREATE TRIGGER journals__no_update BEFORE UPDATE ON journals
BEGIN SELECT RAISE(ABORT, 'journals is append-only'); END;;
CREATE TRIGGER journals__no_delete BEFORE DELETE ON journals
BEGIN SELECT RAISE(ABORT, 'journals is append-only'); END;;
CREATE TRIGGER journal_entries__no_update BEFORE UPDATE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'journal_entries is append-only'); END;;
CREATE TRIGGER journal_entries__no_delete BEFORE DELETE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'journal_entries is append-only'); END;;
CREATE TRIGGER invoice_lines__no_update BEFORE UPDATE ON invoice_lines
BEGIN SELECT RAISE(ABORT, 'invoice_lines is append-only'); END;;
CREATE TRIGGER invoice_lines__no_delete BEFORE DELETE ON invoice_lines
BEGIN SELECT RAISE(ABORT, 'invoice_lines is append-only'); END;;
CREATE TRIGGER payment_allocations__no_update BEFORE UPDATE ON payment_allocations
BEGIN SELECT RAISE(ABORT, 'payment_allocations is append-only'); END;;
CREATE TRIGGER payment_allocations__no_delete BEFORE DELETE ON payment_allocations
BEGIN SELECT RAISE(ABORT, 'payment_allocations is append-only'); END;;

-- INSERT OR REPLACE deletes without asking the triggers of DELETE.
CREATE TRIGGER journals__no_replace BEFORE INSERT ON journals
WHEN EXISTS (SELECT 1 FROM journals j WHERE j.hostel_id = NEW.hostel_id AND j.id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'journals is append-only'); END;;
CREATE TRIGGER journal_entries__no_replace BEFORE INSERT ON journal_entries
WHEN EXISTS (SELECT 1 FROM journal_entries e
  WHERE e.hostel_id = NEW.hostel_id AND e.journal_id = NEW.journal_id AND e.number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'journal_entries is append-only'); END;;
CREATE TRIGGER invoice_lines__no_replace BEFORE INSERT ON invoice_lines
WHEN EXISTS (SELECT 1 FROM invoice_lines l
  WHERE l.hostel_id = NEW.hostel_id AND l.invoice_id = NEW.invoice_id AND l.number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'invoice_lines is append-only'); END;;
CREATE TRIGGER payment_allocations__no_replace BEFORE INSERT ON payment_allocations
WHEN EXISTS (SELECT 1 FROM payment_allocations a WHERE a.ordinal = NEW.ordinal)
BEGIN SELECT RAISE(ABORT, 'payment_allocations is append-only'); END;;

-- What PostgreSQL grants no role: to take records of money away, or to change what they are.
CREATE TRIGGER invoices__no_delete BEFORE DELETE ON invoices
BEGIN SELECT RAISE(ABORT, 'an invoice is for good'); END;;
CREATE TRIGGER invoices__fixed
BEFORE UPDATE OF hostel_id, id, booking_id, user_id, kind, sequence, currency, created_at ON invoices
BEGIN SELECT RAISE(ABORT, 'what an invoice is for is for good'); END;;
CREATE TRIGGER payments__no_delete BEFORE DELETE ON payments
BEGIN SELECT RAISE(ABORT, 'a payment is for good'); END;;
CREATE TRIGGER payments__fixed
BEFORE UPDATE OF hostel_id, id, user_id, booking_id, invoice_id, purpose, provider, reference, amount, currency, created_at
ON payments
BEGIN SELECT RAISE(ABORT, 'what a payment is for is for good'); END;;
CREATE TRIGGER refunds__no_delete BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'a refund is for good'); END;;
CREATE TRIGGER refunds__fixed
BEFORE UPDATE OF hostel_id, id, payment_id, user_id, amount, currency, reason, origin, deposit_id, taken_from, reference,
  created_at ON refunds
BEGIN SELECT RAISE(ABORT, 'what a refund is of is for good'); END;;
CREATE TRIGGER deposits__no_delete BEFORE DELETE ON deposits
BEGIN SELECT RAISE(ABORT, 'a deposit is for good'); END;;
CREATE TRIGGER deposits__fixed
BEFORE UPDATE OF hostel_id, id, booking_id, user_id, invoice_id, currency, created_at ON deposits
BEGIN SELECT RAISE(ABORT, 'what a deposit is for is for good'); END;;
CREATE TRIGGER ledger_accounts__no_delete BEFORE DELETE ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'an account is for good'); END;;
CREATE TRIGGER ledger_accounts__fixed BEFORE UPDATE OF hostel_id, kind, owner, currency, side ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'an account is for good'); END;;
CREATE TRIGGER payment_quarantine__no_update BEFORE UPDATE ON payment_quarantine
BEGIN SELECT RAISE(ABORT, 'payment_quarantine is append-only'); END;;
CREATE TRIGGER payment_quarantine__no_delete BEFORE DELETE ON payment_quarantine
BEGIN SELECT RAISE(ABORT, 'payment_quarantine is append-only'); END;;
