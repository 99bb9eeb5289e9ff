//! What an operator sees over HTTP: performance, metrics, health (J11, F42).

mod health;
mod metrics;
mod performance;
