-- By which rule stays are priced that are asked for from now on; each stay keeps its own in price_rule.
ALTER TABLE hostel_settings ADD COLUMN proration TEXT NOT NULL DEFAULT 'calendar_days'
  CHECK (proration IN ('calendar_days', 'thirty_days', 'whole_months'));;
