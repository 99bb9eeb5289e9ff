//! Running the server: everything that runs beside the requests, the requests themselves, and an orderly end.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use domicile_http::{AppState, HttpConfig, Shell};
use domicile_kernel::{Instant, ports::Ambient};
use domicile_realtime::Realtime;
use domicile_telemetry::Redacted;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    background::{self, kept_up},
    bridges::Kept,
    demo,
    gate::{Notes, Wellness},
    house::House,
    lanes, limits, live, payments,
    settings::{Profile, Settings},
};

/// What runs beside the requests, and how it is told to end.
pub struct Backstage {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What the HTTP adapter is given.
pub struct Front {
    /// What handlers work with.
    pub state: AppState,
    /// For draining.
    pub wellness: Arc<Wellness>,
    /// The sockets, which are sent away before the end.
    pub live: Realtime,
}

impl Backstage {
    /// Starts relay, follower, worker, the watch over the gateway and the writer of refusals, and builds what the HTTP adapter is given.
    pub async fn start(house: &House) -> anyhow::Result<(Self, Front)> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (notes, notes_loop) = Notes::new(house.ambient.clone());
        tasks.spawn(notes_loop.run(house.database.clone(), stopped.clone()));
        let (dropped, notes) = (notes.dropped(), Arc::new(notes));
        let worker = Arc::new(house.worker()?);
        worker.plan_sweeps().await.context("the sweeps could not be planned")?;
        house.payments.take_over().await;
        let heard = Arc::new(Notify::new());
        let (database, after, seal) = (house.database.clone(), Arc::clone(&house.after), Arc::clone(&house.seal));
        tasks.spawn(kept_up("relay", {
            let (database, after, stopped) = (database.clone(), Arc::clone(&after), stopped.clone());
            let heard = Arc::clone(&heard);
            move || {
                let (seal, after, heard) = (Arc::clone(&seal), Arc::clone(&after), Arc::clone(&heard));
                background::relay(database.clone(), seal, after, heard, stopped.clone())
            }
        }));
        tasks.spawn(kept_up("listener", {
            let (database, heard, stopped) = (database.clone(), Arc::clone(&heard), stopped.clone());
            move || background::listen(database.clone(), Arc::clone(&heard), stopped.clone())
        }));
        let live = live::realtime(house, Arc::clone(&notes));
        house.after.tell(&live);
        let caught_up = Arc::new(live::CaughtUp::default());
        tasks.spawn(kept_up("follower", {
            let caught_up = Arc::clone(&caught_up);
            let (database, after, live, stopped) =
                (database.clone(), Arc::clone(&after), live.clone(), stopped.clone());
            move || {
                let (after, heard, caught_up) = (Arc::clone(&after), Arc::clone(&heard), Arc::clone(&caught_up));
                live::follow(database.clone(), after, live.clone(), heard, caught_up, stopped.clone())
            }
        }));
        tasks.spawn(kept_up("watch over sessions", {
            let (standings, live, stopped) = (Arc::clone(&house.standings), live.clone(), stopped.clone());
            let clock = Arc::clone(&house.ambient.clock);
            move || {
                let (standings, clock, caught_up) =
                    (Arc::clone(&standings), Arc::clone(&clock), Arc::clone(&caught_up));
                live::watch_sessions(database.clone(), standings, live.clone(), caught_up, clock, stopped.clone())
            }
        }));
        if house.settings.jobs {
            tasks.spawn(kept_up("worker", {
                let stopped = stopped.clone();
                move || lanes::work(Arc::clone(&worker), Arc::clone(&after), stopped.clone())
            }));
        } else {
            tracing::warn!("this process does no jobs: mails, holds and payments wait for one that does");
        }
        if let Some(gateway) = &house.payments.gateway {
            let (gateway, stopped) = (Arc::clone(gateway), stopped.clone());
            tasks.spawn(kept_up("watch over the payment gateway", move || {
                payments::watch(Arc::clone(&gateway), stopped.clone())
            }));
        }
        figures(house, &live, dropped);
        let limiter = Arc::new(limits::limiter(&house.settings.rate_limits));
        tasks.spawn(kept_up("tidying of limits", {
            let (limiter, clock, stopped) = (Arc::clone(&limiter), Arc::clone(&house.ambient.clock), stopped.clone());
            move || limits::tidy(Arc::clone(&limiter), Arc::clone(&clock), stopped.clone())
        }));
        let wellness = Arc::new(Wellness::new(house.database.clone(), live.clone(), house.payments.gateway.clone()));
        let shell = Shell {
            config: http_config(&house.settings, &house.ambient)?,
            ambient: house.ambient.clone(),
            gate: Arc::new(house.admissions.clone()),
            refusals: notes,
            limits: Arc::new(house.settings.rate_limits.clone()),
            limiter,
            cache: Arc::new(Kept(Arc::clone(&house.cache))),
            health: Arc::clone(&wellness) as Arc<dyn domicile_http::ports::Health>,
            watch: house.watch.clone(),
            sockets: Some(Arc::new(live::Harbour(live.clone()))),
            runtime: tokio::runtime::Handle::current(),
        };
        let state = AppState {
            shell,
            tenancy: house.tenancy.clone(),
            sign_in: house.sign_in.clone(),
            own: house.own.clone(),
            directory: house.directory.clone(),
            desk: house.front_desk.clone(),
            bursar: house.payments.bursar.clone(),
            checkout: house.payments.checkout(),
            presence: Arc::new(crate::bridges::Online {
                database: house.database.clone(),
                clock: Arc::clone(&house.ambient.clock),
                lost: house.settings.realtime.presence_lost,
            }),
        };
        Ok((Self { tasks, stop }, Front { state, wellness, live }))
    }

    /// Tells everything to end and waits for it, at most so long.
    pub async fn end(mut self, patience: Duration) {
        // Nobody listening any more is what is wanted.
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("something beside the requests did not end in time");
        }
    }
}

/// Figures that are asked for when somebody looks, beside those that are counted as things happen.
fn figures(house: &House, live: &Realtime, refusals_dropped: Arc<AtomicU64>) {
    let meters = &house.watch.meters;
    for (topic, _) in house.cache.counts_by_topic() {
        let cache = Arc::clone(&house.cache);
        let help = "Share of looks into the cache that found something, since the start.";
        meters.gauge_of("cache_hit_rate", help, &[("topic", topic.as_str())], move || {
            let counts = cache.counts_by_topic();
            counts.into_iter().find(|(known, _)| *known == topic).map_or(0.0, |(_, counts)| counts.hit_rate())
        });
    }
    let standings = Arc::clone(&house.standings);
    let help = "Share of requests whose caller was let in from memory, since the start.";
    meters.gauge("standing_hit_rate", help, move || {
        let (hits, misses) = standings.counts();
        if hits + misses == 0 { 0.0 } else { hits as f64 / (hits + misses) as f64 }
    });
    let sockets = live.clone();
    meters.gauge("websocket_connections", "Sockets that are open now.", move || sockets.connections() as f64);
    let sockets = live.clone();
    let help = "Sockets that were ended because they could not keep up, since the start.";
    meters.gauge("websocket_slow_closed", help, move || sockets.figures().slow as f64);
    let sockets = live.clone();
    meters
        .gauge("websocket_events", "Events told to sockets, since the start.", move || sockets.figures().events as f64);
    let help = "Refusals that were not written to the audit trail because the writer was behind, since the start.";
    meters.gauge("audit_refusals_dropped", help, move || refusals_dropped.load(Ordering::Relaxed) as f64);
}

fn http_config(settings: &Settings, ambient: &Ambient) -> anyhow::Result<HttpConfig> {
    let sunset: Instant = settings.v0_sunset.parse().context("api.v0_sunset")?;
    Ok(HttpConfig {
        production: settings.profile == Profile::Production,
        allowed_origins: settings.allowed_origins.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        sunset,
        metrics_token: settings.metrics_token.clone().map(Redacted::new),
        ..HttpConfig::local(ambient.now())
    })
}

/// How long sending every socket away may take; it takes about a second.
const PARTING: Duration = Duration::from_secs(3);
/// How long what runs beside the requests may take to end, and the database to be left. With a drain of five seconds, these and
/// the twelve that requests are given, a process ends within thirty.
const ENDING: Duration = Duration::from_secs(4);

/// Serves until told to end.
pub async fn serve(settings: Settings, ambient: Ambient, with_demo: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let drain = Duration::from_secs(settings.drain_seconds);
    let house = House::open(settings, ambient).await?;
    let listener = TcpListener::bind(house.settings.listen)
        .with_context(|| format!("cannot listen on {}; --listen takes another address", house.settings.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    house.payments.here.listens_on(address);
    let base_url = format!("http://{address}");
    let table = if with_demo { furnish(&house, &base_url).await? } else { None };

    let (backstage, front) = Backstage::start(&house).await?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = domicile_http::serve(listener, workers, front.state)?;
    let handle = server.handle();
    let mut serving = tokio::spawn(server);
    announce(&base_url, &house, table.as_deref());

    let mut ended = None;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        result = &mut serving => ended = Some(result),
    }
    if let Some(result) = ended {
        result.context("the HTTP server ended")??;
    } else {
        tracing::info!(seconds = drain.as_secs(), "draining");
        front.wellness.drain();
        // Sockets come back elsewhere while requests are still served here.
        let parting = tokio::spawn(async move { front.live.close_all().await });
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if tokio::time::timeout(PARTING, parting).await.is_err() {
            tracing::warn!("some sockets were not sent away in time");
        }
        handle.stop(true).await;
        serving.await.context("the HTTP server ended")??;
    }
    backstage.end(ENDING).await;
    if tokio::time::timeout(ENDING, house.database.close()).await.is_err() {
        tracing::warn!("some connections to the database were not closed in time");
    }
    tracing::info!("ended");
    Ok(())
}

async fn furnish(house: &House, base_url: &str) -> anyhow::Result<Option<String>> {
    let data_dir = &house.settings.data_dir;
    if let Some(made) = demo::furnish(house, base_url).await? {
        demo::write(&made, data_dir)?;
        return Ok(Some(demo::table(&made)));
    }
    if let Some(known) = demo::reread(data_dir, base_url) {
        std::fs::write(data_dir.join("demo.json"), serde_json::to_vec_pretty(&known)?)?;
    }
    Ok(Some(format!(
        "  The database is not empty; the logins of the demo stand in {}",
        data_dir.join("demo.json").display()
    )))
}

/// Tells a person where to look. The first line is for scripts.
#[expect(clippy::print_stdout, reason = "the terminal is where a person started it")]
fn announce(base_url: &str, house: &House, demo: Option<&str>) {
    println!("listening on {base_url}");
    println!();
    println!("  API            {base_url}/api");
    println!("  documentation  {base_url}/docs");
    println!("  live events    {base_url}/docs/live");
    println!("  health         {base_url}/health");
    if house.settings.smtp_url.is_none() {
        println!("  mail           {}", house.settings.data_dir.join("outbox").display());
    }
    if let Some(table) = demo {
        println!("\n{table}");
    }
}
