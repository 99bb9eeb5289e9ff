//! `domicile import bookings`: real bookings through the use cases, on both databases, killed and continued.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use domicile_kernel::{HostelId, Purpose, Scope};
use domicile_server::{
    cli::{Common, ImportBookings},
    house::House,
    import,
    settings::Settings,
    system,
};
use domicile_tenancy::{CreateHostel, UpdateSettings};
use domicile_testkit::{postgres, process::Binary, store::Owner};
use domicile_workflows::import::Report;
use tempfile::TempDir;

/// A day that is always to come, and before which no test shifts a file.
const SHIFT_TO: &str = "2031-03-10";

/// A house of its own with one hostel, which can take short stays.
struct Place {
    files: TempDir,
    url: String,
    hostel: HostelId,
    _database: Option<postgres::Database>,
}

impl Place {
    async fn sqlite() -> Self {
        let files = TempDir::with_prefix("domicile-import-").unwrap();
        let url = format!("sqlite://{}", files.path().join("domicile.db").display());
        Self::furnished(files, url, None).await
    }

    async fn postgres() -> Self {
        let cluster = postgres::Cluster::shared();
        let database = postgres::Database::create(&cluster, &domicile_migration::fingerprint(), |url| async move {
            domicile_db::schema::migrate(&url).await.map(|_applied| ())
        })
        .await;
        Self::furnished(TempDir::with_prefix("domicile-import-").unwrap(), database.url(), Some(database)).await
    }

    async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    async fn furnished(files: TempDir, url: String, database: Option<postgres::Database>) -> Self {
        let mut place = Self { files, url, hostel: HostelId::new(uuid::Uuid::nil()), _database: database };
        let house = House::open(place.settings(), system::ambient()).await.unwrap();
        let installation = house.operator(Scope::System(Purpose::Installation));
        let command = CreateHostel { name: Some("City Hotel".to_owned()), ..CreateHostel::default() };
        place.hostel = house.tenancy.create_hostel(&installation, command).await.unwrap().id;
        house.database.close().await;
        place.least_months(0).await;
        place
    }

    fn settings(&self) -> Settings {
        Settings::load_common(&self.common()).unwrap()
    }

    fn common(&self) -> Common {
        Common {
            data_dir: Some(self.files.path().join("data")),
            database: Some(self.url.clone()),
            profile: Some("local".to_owned()),
        }
    }

    async fn least_months(&self, months: i64) {
        let house = House::open(self.settings(), system::ambient()).await.unwrap();
        let call = house.operator(Scope::Hostel(self.hostel));
        let version = house.tenancy.settings(&call).await.unwrap().version;
        let command = UpdateSettings { minimum_stay_months: Some(months), ..UpdateSettings::default() };
        house.tenancy.update_settings(&call, command, version).await.unwrap();
        house.database.close().await;
    }

    fn flags(&self, file: &Path) -> ImportBookings {
        ImportBookings {
            file: file.to_owned(),
            hostel: self.hostel.to_string(),
            shift_to: SHIFT_TO.to_owned(),
            rooms: Some("auto".to_owned()),
            common: self.common(),
        }
    }

    async fn import(&self, file: &Path) -> anyhow::Result<Report> {
        import::replay(self.settings(), system::ambient(), &self.flags(file)).await
    }

    /// The command line of the same import.
    fn command(&self, file: &Path) -> std::process::Command {
        let mut command = Binary::dev().command();
        command
            .args(["import", "bookings"])
            .arg(file)
            .args(["--hostel", &self.hostel.to_string(), "--shift-to", SHIFT_TO, "--rooms", "auto"])
            .args(["--database", &self.url, "--profile", "local", "--data-dir"])
            .arg(self.files.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What the database says, past everything: stays that share a bed, or a person, on a night; and how many stand in each
    /// state.
    async fn check(&self, report: &Report) {
        let mut owner = Owner::connect(&self.url).await;
        for shared in ["bed_id", "user_id"] {
            let pairs = owner
                .number(format!(
                    "SELECT count(*) FROM bookings one JOIN bookings other ON one.hostel_id = other.hostel_id \
                     AND one.{shared} = other.{shared} AND one.id < other.id \
                     AND one.check_in_date < other.check_out_date AND other.check_in_date < one.check_out_date \
                     WHERE one.status NOT IN ('cancelled', 'rejected') AND other.status NOT IN ('cancelled', 'rejected')"
                ))
                .await;
            assert_eq!(pairs, 0, "stays that share a {shared} on a night");
        }
        let mut count = async |condition: &str| {
            let sql = format!("SELECT count(*) FROM bookings WHERE {condition}");
            usize::try_from(owner.number(sql).await).unwrap()
        };
        assert_eq!(count("1 = 1").await, report.booked);
        assert_eq!(count("status = 'cancelled'").await, report.cancelled + report.no_show);
        assert_eq!(count("reason = 'no_show'").await, report.no_show);
        assert_eq!(count("status = 'checked_out'").await, report.checked_out);
        let guests = owner.number("SELECT count(*) FROM accounts WHERE password_hash IS NULL").await;
        assert_eq!(usize::try_from(guests).unwrap(), report.rows - report.malformed.len(), "a guest a row");
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The rows of the short file.
fn cut() -> PathBuf {
    fixture("city-hotel-bookings-cut.csv")
}

/// What the fixture says of a file.
fn expected(file: &Path) -> Report {
    let text = std::fs::read(fixture("import-report.json")).unwrap();
    let reports: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    serde_json::from_value(reports[name].clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn same_on_both(file: &Path) {
    for place in Place::both().await {
        let started = Instant::now();
        let report = place.import(file).await.unwrap();
        eprintln!("{} {:?}", place.url.split(':').next().unwrap(), started.elapsed());
        assert_eq!(report, expected(file), "{}", serde_json::to_string_pretty(&report).unwrap());
        place.check(&report).await;
        assert_eq!(place.import(file).await.unwrap(), report, "a second run finds everything done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_report_the_same_of_a_short_file() {
    same_on_both(&cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_report_the_same_of_the_whole_file() {
    same_on_both(&fixture("city-hotel-bookings-2015.csv")).await;
}
