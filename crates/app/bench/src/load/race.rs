//! Rounds: every connection sends one request at the same moment, and the next round begins when all are answered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::bail;
use mio::{Events, Poll, Token};

use super::{histogram::Histogram, wire::Wire};

const PATIENCE: Duration = Duration::from_secs(20);

/// The statuses of one round, in the order of the connections, handed to `check`; the latencies of all rounds come back.
pub(crate) fn rounds(
    address: SocketAddr,
    connections: usize,
    rounds: usize,
    mut write: impl FnMut(usize, usize, &mut Vec<u8>),
    mut check: impl FnMut(usize, &[u16]) -> anyhow::Result<()>,
) -> anyhow::Result<Histogram> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let mut buffer = vec![0; 64 * 1024];
    let mut wires = (0..connections)
        .map(|number| Wire::connect(address, poll.registry(), Token(number), false))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut latencies = Histogram::new();
    for round in 0..rounds {
        let mut statuses = vec![0; connections];
        for (number, wire) in wires.iter_mut().enumerate() {
            wire.send(|out| write(round, number, out))?;
        }
        let mut left = connections;
        let begin = Instant::now();
        while left > 0 {
            poll.poll(&mut events, Some(Duration::from_millis(500)))?;
            for event in &events {
                let number = event.token().0;
                let Some(wire) = wires.get_mut(number) else { continue };
                wire.flush()?;
                if event.is_readable()
                    && let Some((answer, sent)) = wire.receive(&mut buffer)?
                {
                    latencies.record(sent.elapsed());
                    if let Some(status) = statuses.get_mut(number) {
                        *status = answer.status;
                    }
                    left -= 1;
                }
            }
            if begin.elapsed() > PATIENCE {
                bail!("round {round} was not answered within {PATIENCE:?}");
            }
        }
        check(round, &statuses)?;
    }
    Ok(latencies)
}
