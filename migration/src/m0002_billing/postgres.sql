-- At the commit, for a journal is written before its entries. The functions run as whoever writes, under the same policies;
-- who cannot see a journal's entries any more cannot have written a sound one.
CREATE FUNCTION check_journal_sum() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  journal UUID;
  total NUMERIC;
BEGIN
  IF TG_TABLE_NAME = 'journals' THEN journal := NEW.id; ELSE journal := NEW.journal_id; END IF;
  SELECT sum(amount) INTO total FROM journal_entries WHERE hostel_id = NEW.hostel_id AND journal_id = journal;
  IF total IS DISTINCT FROM 0 THEN
    RAISE EXCEPTION 'journal % sums to %, not to zero', journal, coalesce(total::text, 'nothing')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_journals__sum', TABLE = 'journals';
  END IF;
  RETURN NULL;
END $$;;
CREATE CONSTRAINT TRIGGER ck_journals__sum AFTER INSERT ON journals
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_journal_sum();;
CREATE CONSTRAINT TRIGGER ck_journals__sum AFTER INSERT ON journal_entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_journal_sum();;

CREATE FUNCTION check_invoice_total() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  invoice UUID;
  billed BIGINT;
  lines NUMERIC;
BEGIN
  IF TG_TABLE_NAME = 'invoices' THEN invoice := NEW.id; ELSE invoice := NEW.invoice_id; END IF;
  SELECT total INTO billed FROM invoices WHERE hostel_id = NEW.hostel_id AND id = invoice;
  SELECT sum(amount) INTO lines FROM invoice_lines WHERE hostel_id = NEW.hostel_id AND invoice_id = invoice;
  IF billed IS NULL OR lines IS DISTINCT FROM billed THEN
    RAISE EXCEPTION 'invoice % is for %, but its lines sum to %', invoice, billed, coalesce(lines::text, 'nothing')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_invoices__lines', TABLE = 'invoices';
  END IF;
  RETURN NULL;
END $$;;
CREATE CONSTRAINT TRIGGER ck_invoices__lines AFTER INSERT OR UPDATE OF total ON invoices
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_total();;
CREATE CONSTRAINT TRIGGER ck_invoices__lines AFTER INSERT ON invoice_lines
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_total();;

CREATE FUNCTION check_allocation_sum() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF (SELECT sum(amount) FROM payment_allocations WHERE hostel_id = NEW.hostel_id AND payment_id = NEW.payment_id
      AND target = NEW.target AND invoice_id IS NOT DISTINCT FROM NEW.invoice_id) < 0 THEN
    RAISE EXCEPTION 'more is taken from the % of payment % than is there', NEW.target, NEW.payment_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_payment_allocations__sum', TABLE = 'payment_allocations';
  END IF;
  RETURN NULL;
END $$;;
CREATE TRIGGER ck_payment_allocations__sum AFTER INSERT ON payment_allocations
  FOR EACH ROW EXECUTE FUNCTION check_allocation_sum();;

-- No role is granted a change of these; this binds the owner as well.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;;
CREATE TRIGGER journals__append_only BEFORE UPDATE OR DELETE ON journals
  FOR EACH ROW EXECUTE FUNCTION refuse_change();;
CREATE TRIGGER journal_entries__append_only BEFORE UPDATE OR DELETE ON journal_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change();;
CREATE TRIGGER invoice_lines__append_only BEFORE UPDATE OR DELETE ON invoice_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change();;
CREATE TRIGGER payment_allocations__append_only BEFORE UPDATE OR DELETE ON payment_allocations
  FOR EACH ROW EXECUTE FUNCTION refuse_change();;
