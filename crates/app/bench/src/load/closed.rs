//! Closed loop: so many connections, each sends its next request as soon as the one before is answered.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use mio::{Events, Poll, Token};

use super::{histogram::Histogram, wire::Wire};

/// How long a server may say nothing at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Sent before it counts.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What came of it.
pub(crate) struct Loaded {
    /// Answers a second, within the measured time.
    pub(crate) rate: f64,
    /// Of answers within the measured time.
    pub(crate) latencies: Histogram,
    /// Every answer, those of the warming up and of the end as well.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Loaded {
    /// How many answers had a status.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// Fails when there was any answer but a success.
    pub(crate) fn only_successes(self) -> anyhow::Result<Self> {
        if self.latencies.count() == 0 {
            bail!("nothing was answered within the measured time");
        }
        match self.statuses.iter().find(|(status, _)| !(200..300).contains(*status)) {
            Some((status, count)) => bail!("{count} answers were {status}"),
            None => Ok(self),
        }
    }
}

impl Load {
    /// Runs. `write` appends the next request; none when there are no more.
    pub(crate) fn run(self, mut write: impl FnMut(&mut Vec<u8>) -> bool) -> anyhow::Result<Loaded> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1_024);
        let mut buffer = vec![0; 256 * 1024];
        let mut wires = (0..self.connections)
            .map(|number| Wire::connect(self.address, poll.registry(), Token(number), false))
            .collect::<anyhow::Result<Vec<_>>>()?;

        let begin = Instant::now();
        let from = begin + self.warm_up;
        let until = from + self.measured;
        let (mut latencies, mut statuses) = (Histogram::new(), BTreeMap::new());
        let mut under_way = 0;
        let mut next = |wire: &mut Wire| -> anyhow::Result<usize> {
            let mut more = true;
            wire.send(|out| more = write(out))?;
            if !more {
                wire.sent = None;
            }
            Ok(usize::from(more))
        };
        for wire in &mut wires {
            under_way += next(wire)?;
        }
        let mut heard = Instant::now();
        while under_way > 0 {
            poll.poll(&mut events, Some(Duration::from_millis(500))).context("the load cannot wait")?;
            for event in &events {
                let Some(wire) = wires.get_mut(event.token().0) else { continue };
                if event.is_writable() {
                    wire.flush()?;
                }
                if !event.is_readable() {
                    continue;
                }
                let Some((answer, sent)) = wire.receive(&mut buffer)? else { continue };
                under_way -= 1;
                let now = Instant::now();
                heard = now;
                *statuses.entry(answer.status).or_default() += 1;
                if now >= from && now < until {
                    latencies.record(now - sent);
                }
                if now < until {
                    under_way += next(wire)?;
                }
            }
            if heard.elapsed() > PATIENCE {
                bail!("the server has not answered for {PATIENCE:?}");
            }
        }
        Ok(Loaded { rate: latencies.count() as f64 / self.measured.as_secs_f64(), latencies, statuses })
    }
}
