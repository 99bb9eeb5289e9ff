//! Records of a test, made through the use cases past HTTP; and the mails that were sent, out of the sandbox's folder.

use std::time::Duration;

use domicile_booking::{BookingView, CreateBooking, CreateRoom, RoomView};
use domicile_kernel::{AccountId, Currency, HostelId, Money, Scope};

use super::TestApp;

impl TestApp {
    /// A room that is let, for 450.00 GHS a month.
    pub(crate) async fn room(&self, hostel: HostelId, beds: i64) -> RoomView {
        let command = CreateRoom {
            name: Some(format!("Room {}", self.house.ambient.ids.uuid())),
            room_type: Some("single".to_owned()),
            bed_count: Some(beds),
            monthly_price: Some(Money::new(45_000, Currency::GHS)),
            ..CreateRoom::default()
        };
        self.house.front_desk.create_room(&self.house.operator(Scope::Hostel(hostel)), command).await.unwrap()
    }

    /// A pending stay of three months from a day, in a room of its own.
    pub(crate) async fn stay(&self, hostel: HostelId, guest: AccountId, from: &str) -> BookingView {
        let room = self.room(hostel, 1).await;
        let from: domicile_kernel::HostelDay = from.parse().unwrap();
        let command = CreateBooking {
            room_id: Some(room.id.to_string()),
            check_in_date: Some(from.to_string()),
            check_out_date: Some(from.plus_months(3).to_string()),
            terms_accepted: Some(true),
            user_id: Some(guest.to_string()),
            ..CreateBooking::default()
        };
        self.house.front_desk.create_booking(&self.house.operator(Scope::Hostel(hostel)), command).await.unwrap()
    }

    /// The mails to an address, oldest first, once there are at least so many.
    pub(crate) async fn mails(&self, to: &str, at_least: usize) -> Vec<String> {
        let folder = self.house.settings.data_dir.join("outbox");
        let line = format!("\nTo: {to}\n");
        for _ in 0..500 {
            let mut files: Vec<_> = std::fs::read_dir(&folder).map_or_else(
                |_no_folder_yet| Vec::new(),
                |entries| {
                    entries
                        .map(|entry| entry.unwrap().path())
                        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
                        .collect()
                },
            );
            files.sort();
            let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
            let found: Vec<_> = texts.filter(|text| text.contains(&line)).collect();
            if found.len() >= at_least {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("fewer than {at_least} mails to {to} were sent");
    }

    /// The code in the last of so many mails to an address.
    pub(crate) async fn code(&self, to: &str, mails: usize) -> String {
        let mails = self.mails(to, mails).await;
        let line = mails.last().unwrap().lines().find_map(|line| line.strip_prefix("Your code: "));
        line.unwrap().to_owned()
    }
}
