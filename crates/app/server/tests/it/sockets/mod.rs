//! The ends of a socket: `domicile listen`, and the clients that other tests use. The server's side is played by the test,
//! word for word, behind the real way in: what a hub does is tried elsewhere.

mod clients;
mod stage;
mod terminal;
