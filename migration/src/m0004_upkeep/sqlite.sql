CREATE TRIGGER payment_inbox__stays BEFORE DELETE ON payment_inbox WHEN OLD.state = 'waiting'
BEGIN SELECT RAISE(ABORT, 'what waits in payment_inbox stays'); END;;
