//! The cached room list with everything a request goes through, beside a handler that does nothing and one that only
//! checks a token and answers with the same bytes.

use anyhow::bail;
use serde_json::Value;

use super::{CONNECTIONS, LIST};
use crate::{
    bench::Bench,
    load::{Asking, request::Client},
    report::{Figure, Goal, Series},
    servers::Floor,
    stage::LISTED,
};

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let stage = &bench.postgres()?.stage;
    let process = stage.product.start()?;
    let asking = stage.listed.manager(process.address);
    let list = asking.bytes("GET", LIST, "", None);
    let answer = Client::connect(asking)?.send(&list)?;
    let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let rooms = parsed.get("data").and_then(Value::as_array).map_or(0, Vec::len);
    if answer.status != 200 || rooms != LISTED {
        bail!("the list is not one of {LISTED} rooms: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    let floor = Floor::start(&bench.folder, &answer.body)?;
    let bare = Asking::anonymous(floor.process.address);
    let empty = bare.bytes("GET", "/empty", "", None);
    let guarded = Asking { token: Some(floor.token.clone()), ..bare };
    let guarded = guarded.inside("01a1fbd2-ce9d-7527-aff9-b6e1f4ef6964").bytes("GET", "/api/rooms", "", None);

    let mut size = Series::new("room list, body", "KiB");
    size.push(answer.body.len() as f64 / 1024.0);
    let mut rates = [
        Series::new("empty actix handler", "req/s"),
        Series::new("actix handler, token checked, the same bytes", "req/s"),
        Series::new("cached room list", "req/s"),
    ];
    let mut middles = Series::new("cached room list, p50", "ms");
    let mut tails = Series::new("cached room list, p99", "ms");
    for _ in 0..bench.arguments.repetitions() {
        for (series, (address, request)) in rates.iter_mut().zip([
            (floor.process.address, &empty),
            (floor.process.address, &guarded),
            (process.address, &list),
        ]) {
            let loaded = bench.load(address, CONNECTIONS).run(|out| {
                out.extend_from_slice(request);
                true
            })?;
            let loaded = loaded.only_successes()?;
            series.push(loaded.rate);
            if address == process.address {
                middles.push(loaded.latencies.quantile(0.5));
                tails.push(loaded.latencies.quantile(0.99));
            }
        }
    }
    process.end()?;
    let [empty, guarded, product] = rates;
    let (name, goals) =
        ("cached `GET /api/rooms`, 50 rooms", ("≥ 0.45 of an empty handler", "≥ 0.60 of token and bytes"));
    bench.report.figure(Figure::beside(name, goals.0, &product, &empty, Goal::AtLeast(0.45)));
    bench.report.figure(Figure::beside(name, goals.1, &product, &guarded, Goal::AtLeast(0.60)));
    bench.report.series([empty, guarded, product, middles, tails, size]);
    Ok(())
}
