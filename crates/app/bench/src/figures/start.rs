//! From nothing to ready, with migrations applied; what it holds when nobody asks; how large the file is.

use std::{
    fs,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;

use crate::{
    bench::Bench,
    load::{Asking, request::Client},
    report::{Figure, Series},
    servers::{Process, Product},
};

/// How often it is started.
const STARTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    // An installation of its own: what others left behind is not to be loaded.
    let product = Product::install(&bench.binary, &bench.folder.join("to-start"), None)?;
    let mut ready = Series::new("from start to ready", "ms");
    let mut resident = Series::new("idle, VmRSS", "MiB");
    let mut anonymous = Series::new("idle, RssAnon", "MiB");
    for _ in 0..STARTS {
        let begin = Instant::now();
        let process = product.launch()?;
        wait_until_ready(&process, begin)?;
        ready.push(begin.elapsed().as_secs_f64() * 1_000.0);
        thread::sleep(Duration::from_secs(3));
        resident.push(process.memory("VmRSS")? as f64 / 1_024.0);
        anonymous.push(process.memory("RssAnon")? as f64 / 1_024.0);
        process.end()?;
    }
    let mut size = Series::new("stripped binary", "MB");
    size.push(fs::metadata(&bench.binary)?.len() as f64 / 1e6);
    let name = "cold start to ready, migrations applied, SQLite";
    bench.report.figure(Figure::alone(name, "< 100 ms", &ready, Some(100.0)));
    bench.report.figure(Figure::alone("idle RSS", "< 30 MiB", &resident, Some(30.0)));
    bench.report.figure(Figure::alone("stripped binary", "< 30 MB", &size, Some(30.0)));
    bench.report.series([ready, resident, anonymous, size]);
    Ok(())
}

fn wait_until_ready(process: &Process, begin: Instant) -> anyhow::Result<()> {
    let asking = Asking::anonymous(process.address);
    let request = asking.bytes("GET", "/health/ready", "", None);
    loop {
        // Before it listens it refuses; that is cheap and not an error.
        if TcpStream::connect(process.address).is_ok() {
            let answered = Client::connect(asking.clone()).and_then(|mut client| client.send(&request));
            if answered.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
        }
        if begin.elapsed() > PATIENCE {
            bail!("not ready within {PATIENCE:?}: {}", process.said());
        }
        thread::sleep(Duration::from_micros(500));
    }
}
