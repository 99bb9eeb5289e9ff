CREATE EXTENSION IF NOT EXISTS btree_gist;;

-- Roles belong to the cluster: another database here may have made them.
DO $$ BEGIN CREATE ROLE domicile_app NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;;
DO $$ BEGIN CREATE ROLE domicile_system NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;;
-- Since PostgreSQL 16 being a member is not yet being allowed to take the role on: that is the privilege SET.
DO $$
DECLARE
  wanted TEXT := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  IF NOT pg_has_role(current_user, 'domicile_app', wanted) THEN GRANT domicile_app TO CURRENT_USER; END IF;
  IF NOT pg_has_role(current_user, 'domicile_system', wanted) THEN GRANT domicile_system TO CURRENT_USER; END IF;
END $$;;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO domicile_app, domicile_system', current_schema()); END $$;;

-- The backstop of "never two stays in one bed, never one person in two": the code locks first, these refuse what forgot to.
ALTER TABLE bookings ADD CONSTRAINT ex_bookings__bed_stay EXCLUDE USING gist (
  hostel_id WITH =, bed_id WITH =, daterange(check_in_date, check_out_date, '[)') WITH &&
) WHERE (status IN ('pending', 'approved', 'checked_in'));;
ALTER TABLE bookings ADD CONSTRAINT ex_bookings__person_stay EXCLUDE USING gist (
  hostel_id WITH =, user_id WITH =, daterange(check_in_date, check_out_date, '[)') WITH &&
) WHERE (status IN ('pending', 'approved', 'checked_in'));;
