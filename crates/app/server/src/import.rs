//! `import bookings`: a hotel's bookings, replayed through the use cases. This file checks what was asked and joins the
//! replay to a house that runs on the replay's own clock; the replay itself is in `domicile_workflows::import`.

mod journal;

use std::{fs, io::IsTerminal, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use domicile_kernel::{Ambient, HostelDay, HostelId, Scope};
use domicile_tenancy::{ReadTenancyError, SettingsView};
use domicile_workflows::import::{BookingFile, Replay, ReplayClock, Report, Rooms, Schedule};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{cli::ImportBookings, house::House, settings::Settings};
use journal::{FileJournal, Header};

/// `import bookings`: plays, and prints the report.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn bookings(settings: Settings, ambient: Ambient, flags: &ImportBookings) -> anyhow::Result<()> {
    let report = replay(settings, ambient, flags).await?;
    print!("{report}");
    Ok(())
}

/// Plays the file, or the rest of it when an earlier run with the same arguments was interrupted. The report is also
/// written to `<data-dir>/imports/<hash of the file>-<hostel>.json`.
pub async fn replay(settings: Settings, ambient: Ambient, flags: &ImportBookings) -> anyhow::Result<Report> {
    let asked = Asked::of(flags)?;
    let bytes = fs::read(&flags.file).with_context(|| format!("{} cannot be read", flags.file.display()))?;
    let file = BookingFile::read(&bytes).with_context(|| format!("{} cannot be imported", flags.file.display()))?;

    let clock = Arc::new(ReplayClock::at(ambient.now()));
    let house = House::open(settings, Ambient { clock: clock.clone(), ..ambient.clone() }).await?;
    let call = house.operator(Scope::Hostel(asked.hostel));
    let terms = terms_of(&house, asked.hostel).await?;

    let folder = house.settings.data_dir.join("imports");
    let header = Header {
        file: file.hash.clone(),
        hostel: asked.hostel,
        shift_to: asked.shift_to,
        auto_rooms: asked.auto_rooms,
    };
    let name = format!("{}-{}", file.hash, asked.hostel);
    let mut journal = FileJournal::open(&folder.join(format!("{name}.jsonl")), &header)?;
    let today = terms.time_zone.day_of(ambient.now());
    if journal.is_new() && asked.shift_to < today {
        journal.discard()?;
        bail!("--shift-to must be today or later; today is {today} in this hostel");
    }

    let schedule = Schedule::of(&file, asked.shift_to);
    let rooms = if asked.auto_rooms { Rooms::Auto(terms.currency) } else { Rooms::Existing };
    let bar = progress_bar(schedule.events.len());
    let play =
        Replay { desk: &house.front_desk, directory: &house.directory, clock: &clock, zone: &terms.time_zone, call };
    let report = Box::pin(play.play(&file, &schedule, rooms, &mut journal, &mut |done| bar.set_position(done as u64)))
        .await
        .context("the import stopped; the same command goes on where it was")?;
    bar.finish_and_clear();
    write_report(&folder.join(format!("{name}.json")), &report)?;
    house.database.close().await;
    Ok(report)
}

/// What was asked, as far as it can be judged without a database.
struct Asked {
    hostel: HostelId,
    shift_to: HostelDay,
    auto_rooms: bool,
}

impl Asked {
    fn of(flags: &ImportBookings) -> anyhow::Result<Self> {
        let Ok(hostel) = flags.hostel.parse() else {
            bail!("--hostel must be the id of a hostel, a UUID, not {:?}", flags.hostel);
        };
        let Ok(shift_to) = flags.shift_to.parse() else {
            bail!("--shift-to must be a date that exists, YYYY-MM-DD, not {:?}", flags.shift_to);
        };
        let auto_rooms = match flags.rooms.as_deref() {
            None => false,
            Some("auto") => true,
            Some(other) => {
                bail!("--rooms can only be auto, not {other:?}; leave it out to use the rooms that are there")
            }
        };
        Ok(Self { hostel, shift_to, auto_rooms })
    }
}

/// The hostel's settings, if it can take these bookings at all.
async fn terms_of(house: &House, hostel: HostelId) -> anyhow::Result<SettingsView> {
    let call = house.operator(Scope::Hostel(hostel));
    match house.tenancy.hostel(&call, hostel).await {
        Ok(_) => {}
        Err(ReadTenancyError::NotFound) => bail!("there is no hostel {hostel}"),
        Err(error) => return Err(error).context("the hostel cannot be read"),
    }
    if !house.tenancy.flags(&call).await.context("the hostel's features cannot be read")?.room_booking {
        bail!("the feature room_booking is switched off in hostel {hostel}; switch it on to import bookings");
    }
    let terms = house.tenancy.settings(&call).await.context("the hostel's settings cannot be read")?;
    if terms.minimum_stay_months > 0 {
        bail!(
            "hostel {hostel} lets beds for {} or more months and these stays are shorter; set minimum_stay_months to 0 \
             first (PUT /api/v1/settings, as a super_admin)",
            terms.minimum_stay_months
        );
    }
    Ok(terms)
}

fn write_report(path: &Path, report: &Report) -> anyhow::Result<()> {
    fs::write(path, serde_json::to_vec_pretty(report)?).with_context(|| format!("{} cannot be written", path.display()))
}

/// A bar on the error output, if somebody watches it.
fn progress_bar(events: usize) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(events as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} events, {elapsed} gone, {eta} to go") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
