//! Everything that many do at once, over HTTP, on both databases.

mod last_bed;
mod login;
mod one_time_codes;
mod refresh;
mod resets;
mod storm;
mod versions;
