-- SQLite has no exclusion constraints; these triggers refuse the same rows.
CREATE TRIGGER ex_bookings__bed_stay_insert BEFORE INSERT ON bookings
WHEN NEW.status IN ('pending', 'approved', 'checked_in') AND EXISTS (
  SELECT 1 FROM bookings b WHERE b.hostel_id = NEW.hostel_id AND b.bed_id = NEW.bed_id
  AND b.status IN ('pending', 'approved', 'checked_in')
  AND b.check_in_date < NEW.check_out_date AND NEW.check_in_date < b.check_out_date)
BEGIN SELECT RAISE(ABORT, 'ex_bookings__bed_stay'); END;;

CREATE TRIGGER ex_bookings__bed_stay_update BEFORE UPDATE ON bookings
WHEN NEW.status IN ('pending', 'approved', 'checked_in') AND EXISTS (
  SELECT 1 FROM bookings b WHERE b.hostel_id = NEW.hostel_id AND b.bed_id = NEW.bed_id AND b.id <> NEW.id
  AND b.status IN ('pending', 'approved', 'checked_in')
  AND b.check_in_date < NEW.check_out_date AND NEW.check_in_date < b.check_out_date)
BEGIN SELECT RAISE(ABORT, 'ex_bookings__bed_stay'); END;;

CREATE TRIGGER ex_bookings__person_stay_insert BEFORE INSERT ON bookings
WHEN NEW.status IN ('pending', 'approved', 'checked_in') AND EXISTS (
  SELECT 1 FROM bookings b WHERE b.hostel_id = NEW.hostel_id AND b.user_id = NEW.user_id
  AND b.status IN ('pending', 'approved', 'checked_in')
  AND b.check_in_date < NEW.check_out_date AND NEW.check_in_date < b.check_out_date)
BEGIN SELECT RAISE(ABORT, 'ex_bookings__person_stay'); END;;

CREATE TRIGGER ex_bookings__person_stay_update BEFORE UPDATE ON bookings
WHEN NEW.status IN ('pending', 'approved', 'checked_in') AND EXISTS (
  SELECT 1 FROM bookings b WHERE b.hostel_id = NEW.hostel_id AND b.user_id = NEW.user_id AND b.id <> NEW.id
  AND b.status IN ('pending', 'approved', 'checked_in')
  AND b.check_in_date < NEW.check_out_date AND NEW.check_in_date < b.check_out_date)
BEGIN SELECT RAISE(ABORT, 'ex_bookings__person_stay'); END;;

-- The audit trail can be numbered and sealed once, and nothing else.
CREATE TRIGGER audit_log__no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;;
CREATE TRIGGER audit_log__seal_only BEFORE UPDATE ON audit_log
WHEN OLD.hash IS NOT NULL OR NEW.ordinal <> OLD.ordinal OR NEW.id <> OLD.id OR NEW.hostel_id IS NOT OLD.hostel_id
  OR NEW.account_id IS NOT OLD.account_id OR NEW.at <> OLD.at OR NEW.actor <> OLD.actor
  OR NEW.actor_role IS NOT OLD.actor_role OR NEW.action <> OLD.action OR NEW.target <> OLD.target
  OR NEW.target_id IS NOT OLD.target_id OR NEW.before IS NOT OLD.before OR NEW.after IS NOT OLD.after
  OR NEW.ip IS NOT OLD.ip OR NEW.request_id <> OLD.request_id
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;;
