-- What is over, in the order in which it is removed.
CREATE INDEX ix_payment_inbox__over ON payment_inbox (state, state_at) WHERE state <> 'waiting';;
