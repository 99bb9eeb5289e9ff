//! Many at once: one bed is let once, one person lies in one bed, one move wins.

use std::sync::Barrier;

use domicile_booking::{RejectBooking, UpdateBooking};
use domicile_kernel::{Fault, Role};
use pollster::block_on;

use crate::house::{House, new_stay, text};

/// Runs all at once on threads of their own and counts the outcomes by name.
fn outcomes<T: Send>(jobs: Vec<T>, run: impl Fn(T) -> String + Sync) -> Vec<(String, usize)> {
    let barrier = Barrier::new(jobs.len());
    let mut names: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                let (barrier, run) = (&barrier, &run);
                scope.spawn(move || {
                    barrier.wait();
                    run(job)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    names.sort();
    let mut counted: Vec<(String, usize)> = Vec::new();
    for name in names {
        match counted.last_mut().filter(|(last, _)| *last == name) {
            Some((_, count)) => *count += 1,
            None => counted.push((name, 1)),
        }
    }
    counted
}

fn named<T>(result: Result<T, impl Fault>) -> String {
    result.map_or_else(|error| error.code().as_str().to_owned(), |_view| "done".to_owned())
}

#[test]
fn the_last_bed_is_let_to_one_of_fifty() {
    let house = House::new();
    let room = block_on(house.room("Attic", 1));
    let people: Vec<_> = (0..50).map(|_| house.ambient.id()).collect();
    for person in &people {
        house.memory.enrol(house.id, *person);
    }
    let counted = outcomes(people, |person| {
        named(block_on(house.desk.create_booking(&house.call(person, Role::Student), new_stay(&room))))
    });
    assert_eq!(counted, [("ROOM_UNAVAILABLE".to_owned(), 49), ("done".to_owned(), 1)]);
}

#[test]
fn one_person_asking_for_many_rooms_gets_one() {
    let house = House::new();
    let rooms: Vec<_> = (0..8).map(|at| block_on(house.room(&format!("Room {at}"), 1))).collect();
    let counted =
        outcomes(rooms, |room| named(block_on(house.desk.create_booking(&house.student(0), new_stay(&room)))));
    assert_eq!(counted, [("BOOKING_CONFLICT".to_owned(), 7), ("done".to_owned(), 1)]);
}

#[test]
fn of_many_writers_upon_one_version_one_wins() {
    let house = House::new();
    let room = block_on(house.room("Attic", 1));
    let stay = block_on(house.stay(&room, 0));
    let counted = outcomes((0..100).collect(), |at| {
        let change = UpdateBooking { special_requests: text(&format!("wish {at}")), ..UpdateBooking::default() };
        named(block_on(house.desk.update_booking(&house.student(0), stay.id, 1, change)))
    });
    assert_eq!(counted, [("VERSION_CONFLICT".to_owned(), 99), ("done".to_owned(), 1)]);
}

#[test]
fn approving_and_rejecting_at_once_has_one_winner() {
    let house = House::new();
    let room = block_on(house.room("Attic", 1));
    let stay = block_on(house.stay(&room, 0));
    let counted = outcomes(vec![true, false], |approve| {
        let manager = house.manager();
        if approve {
            named(block_on(house.desk.approve_booking(&manager, stay.id, 1)))
        } else {
            named(block_on(house.desk.reject_booking(&manager, stay.id, 1, RejectBooking::default())))
        }
    });
    assert_eq!(counted, [("RESOURCE_CONFLICT".to_owned(), 1), ("done".to_owned(), 1)]);
}
