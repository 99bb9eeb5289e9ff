//! Random sequences of money operations over the ports in memory.

use domicile_billing::contract::sequences::{Looking, Summary, play};

use crate::contract::InMemory;

#[test]
fn two_thousand_random_sequences_of_money_operations_add_up() {
    let mut sum = Summary::default();
    for seed in 0..2_000 {
        let world = InMemory::new();
        sum = sum.and(pollster::block_on(play(&world, seed, 30, Looking { every: 5 })));
    }
    // That something happened in them: sequences of refusals alone would add up as well.
    assert!(sum.done > 40_000 && sum.refused > 5_000, "{sum:?}");
    assert!(sum.journals > 30_000 && sum.refunds > 2_500 && sum.webhooks > 5_000, "{sum:?}");
}
