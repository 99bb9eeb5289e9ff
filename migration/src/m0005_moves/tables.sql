-- A list of {"until": day, "monthly_price": money} by its days; NULL where there is nothing in it.
ALTER TABLE bookings ADD COLUMN earlier_prices {json};;
