-- Instants are microseconds since the epoch; money is minor units; ids are UUIDs.
-- A hostel table's primary key begins with hostel_id, and hostel_id is part of every foreign key between such tables,
-- so that no row can point across tenants.

CREATE TABLE schema_marks (
  migration TEXT PRIMARY KEY,
  oldest_binary INTEGER NOT NULL
);;

CREATE TABLE hostels (
  id {uuid} PRIMARY KEY,
  name {sorted} NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('hostel', 'society')),
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);;

CREATE TABLE hostel_settings (
  hostel_id {uuid} PRIMARY KEY REFERENCES hostels (id),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  time_zone TEXT NOT NULL,
  minimum_stay_months BIGINT NOT NULL CHECK (minimum_stay_months >= 0),
  approval_required BOOLEAN NOT NULL,
  entry_request_expiry_minutes BIGINT NOT NULL CHECK (entry_request_expiry_minutes > 0),
  pending_hold_hours BIGINT NOT NULL CHECK (pending_hold_hours > 0),
  booking_deadline_hours BIGINT NOT NULL CHECK (booking_deadline_hours >= 0),
  cancellation_deadline_hours BIGINT NOT NULL CHECK (cancellation_deadline_hours >= 0),
  maintenance_sla_hours {json} NOT NULL,
  quiet_hours {json} NOT NULL,
  registration TEXT NOT NULL CHECK (registration IN ('open', 'approval', 'closed')),
  default_country TEXT NOT NULL CHECK (length(default_country) = 2),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);;

-- phone and emergency_contact are ciphertext; phone_index is the keyed blind index that makes a phone unique and findable.
CREATE TABLE accounts (
  id {uuid} PRIMARY KEY,
  email TEXT NOT NULL,
  email_verified_at BIGINT,
  vouched_by {uuid} REFERENCES hostels (id),
  username TEXT,
  username_key TEXT,
  password_hash TEXT,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  phone {bytes},
  phone_index {bytes},
  emergency_contact {bytes},
  program TEXT,
  super_admin BOOLEAN NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);;
CREATE UNIQUE INDEX uq_accounts__email ON accounts (email);;
CREATE UNIQUE INDEX uq_accounts__username_key ON accounts (username_key);;
CREATE UNIQUE INDEX uq_accounts__phone_index ON accounts (phone_index);;

CREATE TABLE feature_flags (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  feature_key TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by {uuid} REFERENCES accounts (id),
  PRIMARY KEY (hostel_id, feature_key)
);;

-- The names, address and phone here are the hostel's own directory card of the person, copied when they join.
CREATE TABLE memberships (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  account_id {uuid} NOT NULL REFERENCES accounts (id),
  role TEXT NOT NULL CHECK (role IN ('student', 'resident', 'professional', 'guard', 'staff', 'manager', 'admin')),
  status TEXT NOT NULL CHECK (status IN ('active', 'pending', 'deactivated')),
  first_name {sorted} NOT NULL,
  last_name {sorted} NOT NULL,
  email {sorted} NOT NULL,
  phone {bytes},
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, account_id)
);;
CREATE INDEX ix_memberships__account ON memberships (account_id);;
CREATE INDEX ix_memberships__created ON memberships (hostel_id, created_at, account_id);;

CREATE TABLE sessions (
  id {uuid} PRIMARY KEY,
  account_id {uuid} NOT NULL REFERENCES accounts (id),
  generation BIGINT NOT NULL CHECK (generation >= 0),
  rotated_at BIGINT NOT NULL,
  token_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  idle_expires_at BIGINT NOT NULL,
  absolute_expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  revoke_reason TEXT,
  device_info {json},
  ip TEXT,
  user_agent TEXT
);;
CREATE INDEX ix_sessions__account ON sessions (account_id, created_at);;
-- Every node asks twice a second what was ended.
CREATE INDEX ix_sessions__revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;;

-- A ticket opens one socket. It lives for seconds, and its session is judged when it is redeemed, so nothing ties it to the row.
CREATE TABLE socket_tickets (
  hash TEXT PRIMARY KEY,
  account_id {uuid} NOT NULL REFERENCES accounts (id),
  session_id {uuid} NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);;
CREATE INDEX ix_socket_tickets__expires ON socket_tickets (expires_at);;

CREATE TABLE challenges (
  id {uuid} PRIMARY KEY,
  account_id {uuid} NOT NULL REFERENCES accounts (id),
  purpose TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
  code_hash {bytes} NOT NULL,
  asked_from TEXT NOT NULL,
  attempts BIGINT NOT NULL CHECK (attempts >= 0),
  foreign_attempts BIGINT NOT NULL CHECK (foreign_attempts >= 0),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);;
CREATE UNIQUE INDEX uq_challenges__account_purpose_place ON challenges (account_id, purpose, asked_from);;
CREATE INDEX ix_challenges__expires ON challenges (expires_at);;

CREATE TABLE rooms (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  name TEXT NOT NULL,
  name_key {sorted} NOT NULL,
  room_type TEXT NOT NULL,
  floor BIGINT,
  bed_count BIGINT NOT NULL CHECK (bed_count > 0),
  price_minor BIGINT NOT NULL CHECK (price_minor >= 0),
  price_currency TEXT NOT NULL CHECK (length(price_currency) = 3),
  amenities {json} NOT NULL,
  description TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'maintenance', 'closed')),
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT,
  PRIMARY KEY (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_rooms__name ON rooms (hostel_id, name_key) WHERE deleted_at IS NULL;;
CREATE INDEX ix_rooms__created ON rooms (hostel_id, created_at, id);;

CREATE TABLE beds (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  room_id {uuid} NOT NULL,
  label TEXT NOT NULL,
  ordinal BIGINT NOT NULL CHECK (ordinal > 0),
  removed_at BIGINT,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT fk_beds__room FOREIGN KEY (hostel_id, room_id) REFERENCES rooms (hostel_id, id)
);;
CREATE UNIQUE INDEX uq_beds__room_bed ON beds (hostel_id, room_id, id);;
CREATE UNIQUE INDEX uq_beds__ordinal ON beds (hostel_id, room_id, ordinal) WHERE removed_at IS NULL;;

-- A stay is half open: from the check-in day up to, not including, the check-out day.
CREATE TABLE bookings (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  id {uuid} NOT NULL,
  room_id {uuid} NOT NULL,
  bed_id {uuid} NOT NULL,
  user_id {uuid} NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled', 'checked_in', 'checked_out')),
  check_in_date DATE NOT NULL,
  check_out_date DATE NOT NULL,
  emergency_contact_name {bytes},
  emergency_contact_phone {bytes},
  special_requests TEXT,
  total_minor BIGINT NOT NULL CHECK (total_minor >= 0),
  monthly_minor BIGINT NOT NULL CHECK (monthly_minor >= 0),
  price_currency TEXT NOT NULL CHECK (length(price_currency) = 3),
  price_rule TEXT NOT NULL,
  price_rule_version BIGINT NOT NULL,
  hold_until BIGINT,
  moved_at BIGINT,
  moved_by {uuid},
  reason TEXT,
  version BIGINT NOT NULL CHECK (version > 0),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, id),
  CONSTRAINT ck_bookings__nights CHECK (check_in_date < check_out_date),
  CONSTRAINT fk_bookings__bed FOREIGN KEY (hostel_id, room_id, bed_id) REFERENCES beds (hostel_id, room_id, id),
  CONSTRAINT fk_bookings__member FOREIGN KEY (hostel_id, user_id) REFERENCES memberships (hostel_id, account_id)
);;
CREATE INDEX ix_bookings__created ON bookings (hostel_id, created_at, id);;
CREATE INDEX ix_bookings__user ON bookings (hostel_id, user_id, created_at, id);;
CREATE INDEX ix_bookings__bed ON bookings (hostel_id, bed_id, check_in_date);;
CREATE INDEX ix_bookings__room ON bookings (hostel_id, room_id, check_in_date);;
CREATE INDEX ix_bookings__check_in ON bookings (hostel_id, check_in_date, id);;

-- A queue: the relay takes rows out and puts them into events. hostel_id and account_id say in whose scope it happened.
CREATE TABLE outbox (
  id {serial},
  event_id {uuid} NOT NULL,
  hostel_id {uuid},
  account_id {uuid},
  kind TEXT NOT NULL,
  version BIGINT NOT NULL,
  audience TEXT NOT NULL,
  aggregate TEXT NOT NULL,
  aggregate_id {uuid} NOT NULL,
  aggregate_version BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  trace TEXT,
  data {json} NOT NULL
);;

-- The log. position runs through the installation and seq through each hostel, both from 1 without a gap.
CREATE TABLE events (
  position BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL,
  event_id {uuid} NOT NULL,
  hostel_id {uuid},
  account_id {uuid},
  kind TEXT NOT NULL,
  version BIGINT NOT NULL,
  audience TEXT NOT NULL,
  aggregate TEXT NOT NULL,
  aggregate_id {uuid} NOT NULL,
  aggregate_version BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  trace TEXT,
  data {json} NOT NULL
);;
CREATE UNIQUE INDEX uq_events__event ON events (event_id);;
CREATE UNIQUE INDEX uq_events__seq ON events (hostel_id, seq);;
CREATE INDEX ix_events__at ON events (at);;

-- The last number given out: one row a hostel, and one of the nil id for positions.
CREATE TABLE stream_heads (
  stream {uuid} PRIMARY KEY,
  last BIGINT NOT NULL
);;

-- Written with the change, numbered and sealed by the relay afterwards.
CREATE TABLE audit_log (
  ordinal {serial},
  id {uuid} NOT NULL,
  hostel_id {uuid},
  account_id {uuid},
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  actor_role TEXT,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  target_id {uuid},
  before {json},
  after {json},
  ip TEXT,
  request_id TEXT NOT NULL,
  seq BIGINT,
  hash TEXT
);;
CREATE UNIQUE INDEX uq_audit_log__id ON audit_log (id);;
CREATE INDEX ix_audit_log__hostel ON audit_log (hostel_id, at, id);;
CREATE INDEX ix_audit_log__seq ON audit_log (hostel_id, seq) WHERE seq IS NOT NULL;;
CREATE INDEX ix_audit_log__unsealed ON audit_log (ordinal) WHERE hash IS NULL;;

-- The end of each hostel's chain; the nil id for what belongs to no hostel.
CREATE TABLE audit_heads (
  stream {uuid} PRIMARY KEY,
  last BIGINT NOT NULL,
  hash TEXT NOT NULL
);;

-- One row a promise (W9). outcome is ciphertext, and null only inside the transaction that keeps the promise.
CREATE TABLE idempotency_keys (
  account_id {uuid} NOT NULL,
  hostel_scope {uuid} NOT NULL,
  key TEXT NOT NULL,
  hostel_id {uuid},
  fingerprint {bytes} NOT NULL,
  outcome {bytes},
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, hostel_scope, key)
);;
CREATE INDEX ix_idempotency_keys__created ON idempotency_keys (created_at);;

-- payload is ciphertext: it may hold a code or an address.
CREATE TABLE jobs (
  id {uuid} PRIMARY KEY,
  hostel_id {uuid},
  account_id {uuid},
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  due BIGINT NOT NULL,
  lease_until BIGINT,
  attempts BIGINT NOT NULL,
  payload {bytes} NOT NULL,
  last_error TEXT,
  request_id TEXT NOT NULL,
  trace TEXT,
  created_at BIGINT NOT NULL
);;
CREATE UNIQUE INDEX uq_jobs__kind_key ON jobs (kind, key);;
CREATE INDEX ix_jobs__due ON jobs (due, id);;

-- Who has a socket open: a row a person and node, confirmed by the node now and then; one that is not is nobody's.
CREATE TABLE presences (
  hostel_id {uuid} NOT NULL REFERENCES hostels (id),
  account_id {uuid} NOT NULL REFERENCES accounts (id),
  node {uuid} NOT NULL,
  since BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (hostel_id, account_id, node)
);;
CREATE INDEX ix_presences__node ON presences (node);;
CREATE INDEX ix_presences__seen ON presences (seen_at);;

CREATE TABLE key_fingerprints (
  key_id TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  created_at BIGINT NOT NULL
);;
