-- What is over, in the order in which it is removed.
CREATE INDEX ix_payment_inbox__over ON payment_inbox (state, state_at) WHERE state <> 'waiting';;
-- What was put aside, as a hostel lists it.
CREATE INDEX ix_payment_inbox__put_aside ON payment_inbox (hostel_id, received_at, id) WHERE state = 'put_aside';;
-- What a sweep looks for among the refunds, besides those that are on their way.
CREATE INDEX ix_refunds__attention ON refunds (updated_at) WHERE state = 'needs_attention';;
