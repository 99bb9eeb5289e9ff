//! The import of the whole file: minutes on each database.

use crate::place::{fixture, same_on_both};

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_report_the_same_of_every_booking() {
    same_on_both(&fixture("city-hotel-bookings-2015.csv")).await;
}
