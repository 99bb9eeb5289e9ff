GRANT DELETE ON payment_inbox TO domicile_system;;

CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what waits in % stays', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;;
CREATE TRIGGER payment_inbox__stays BEFORE DELETE ON payment_inbox
  FOR EACH ROW WHEN (OLD.state = 'waiting') EXECUTE FUNCTION refuse_removal();;
