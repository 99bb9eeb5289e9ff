//! `domicile import bookings`: real bookings through the use cases, on both databases, killed and continued. The whole file
//! takes minutes and is imported in the `chaos` tests; here it is a cut of it, by the same code.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is missing")]

mod place;

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use domicile_server::{import, system};
use domicile_testkit::process::Binary;
use domicile_workflows::import::Report;

use place::{Place, SHIFT_TO, expected, fixture, same_on_both};

/// The short file.
fn cut() -> PathBuf {
    fixture("city-hotel-bookings-cut.csv")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_report_the_same() {
    same_on_both(&cut()).await;
}

/// `import bookings` of the short file as a process.
fn command(place: &Place) -> Command {
    let mut command = Binary::dev().command();
    command
        .args(["import", "bookings"])
        .arg(cut())
        .args(["--hostel", &place.hostel.to_string(), "--shift-to", SHIFT_TO, "--rooms", "auto"])
        .args(["--database", &place.url, "--profile", "local", "--data-dir"])
        .arg(place.files.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Where an import keeps its journal and its report: the one file of that kind.
fn kept(place: &Place, kind: &str) -> Option<PathBuf> {
    let folder = fs::read_dir(place.files.path().join("data/imports")).ok()?;
    folder.map(|file| file.unwrap().path()).find(|path| path.extension().is_some_and(|extension| extension == kind))
}

fn journal_lines(place: &Place) -> usize {
    kept(place, "jsonl").map_or(0, |path| fs::read_to_string(path).unwrap().matches('\n').count())
}

/// Starts an import and kills it a moment after it has written so many lines more.
fn kill_after(place: &Place, lines: usize) {
    let before = journal_lines(place);
    let mut child = command(place).spawn().expect("the binary can be executed");
    let started = Instant::now();
    while journal_lines(place) < before + lines {
        assert!(started.elapsed() < Duration::from_mins(1), "the import writes nothing");
        assert!(child.try_wait().unwrap().is_none(), "the import ended before it could be killed");
        thread::sleep(Duration::from_millis(1));
    }
    // Anywhere within the next few steps.
    let micros = RandomState::new().hash_one(lines) % 30_000;
    thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    child.wait().unwrap();
    eprintln!("killed {micros} us after {lines} lines, at line {}", journal_lines(place));
}

fn finished(place: &Place) -> Output {
    command(place).output().expect("the binary can be executed")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_at_any_point_ends_with_the_same_report() {
    let want = expected(&cut());
    for place in Place::both().await {
        // The first kill falls into the making of the rooms or of the first bookings.
        for lines in [1, 120, 150] {
            kill_after(&place, lines);
        }
        let output = finished(&place);
        let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{said}");
        assert_eq!(printed, want.to_string());
        let report: Report = serde_json::from_slice(&fs::read(kept(&place, "json").unwrap()).unwrap()).unwrap();
        assert_eq!(report, want);
        place.check(&report).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_journal_is_lost_finds_what_it_had_done() {
    let place = Place::sqlite().await;
    kill_after(&place, 200);
    fs::remove_file(kept(&place, "jsonl").unwrap()).unwrap();
    let report = place.import(&cut()).await.unwrap();
    assert_eq!(report.booked + report.refused.values().sum::<usize>(), report.rows);
    place.check(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_imported_is_told_in_one_line() {
    let place = Place::sqlite().await;
    let refusal = async |change: &dyn Fn(&mut domicile_server::cli::ImportBookings)| {
        let mut flags = place.flags(&cut());
        change(&mut flags);
        import::replay(place.settings(), system::ambient(), &flags).await.unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&|flags| flags.hostel = "volta".to_owned()).await,
        "--hostel must be the id of a hostel, a UUID, not \"volta\""
    );
    let nowhere = "019aa000-0000-7000-8000-000000000000";
    assert_eq!(refusal(&|flags| flags.hostel = nowhere.to_owned()).await, format!("there is no hostel {nowhere}"));
    assert_eq!(
        refusal(&|flags| flags.shift_to = "2031-02-30".to_owned()).await,
        "--shift-to must be a date that exists, YYYY-MM-DD, not \"2031-02-30\""
    );
    let past = refusal(&|flags| flags.shift_to = "2015-07-01".to_owned()).await;
    assert!(past.starts_with("--shift-to must be today or later; today is "), "{past}");
    let rooms = refusal(&|flags| flags.rooms = Some("many".to_owned())).await;
    assert!(rooms.starts_with("--rooms can only be auto, not \"many\""), "{rooms}");
    let gone = refusal(&|flags| flags.file = "no-such-file.csv".into()).await;
    assert_eq!(gone, "no-such-file.csv cannot be read");
    let other = refusal(&|flags| flags.file = fixture("import-report.json")).await;
    assert!(other.ends_with("import-report.json cannot be imported"), "{other}");

    place.least_months(1).await;
    let output = finished(&place);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains("set minimum_stay_months to 0 first"), "{said}");
    assert!(kept(&place, "jsonl").is_none(), "nothing was begun");
}
