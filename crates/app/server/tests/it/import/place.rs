//! A house to import into, what the fixture expects of it, and what its database says afterwards.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::path::{Path, PathBuf};

use domicile_kernel::{HostelId, Purpose, Scope};
use domicile_server::{
    cli::{Common, ImportBookings},
    house::House,
    import,
    settings::Settings,
    system,
};
use domicile_tenancy::{CreateHostel, UpdateSettings};
use domicile_testkit::{postgres, store::Owner};
use domicile_workflows::import::Report;
use tempfile::TempDir;

/// A day that is always to come, and before which no test shifts a file.
pub(crate) const SHIFT_TO: &str = "2031-03-10";

/// A house of its own with one hostel, which can take short stays.
pub(crate) struct Place {
    pub(crate) files: TempDir,
    pub(crate) url: String,
    pub(crate) hostel: HostelId,
    _database: Option<postgres::Database>,
}

impl Place {
    pub(crate) async fn sqlite() -> Self {
        let files = TempDir::with_prefix("domicile-import-").unwrap();
        let url = format!("sqlite://{}", files.path().join("domicile.db").display());
        Self::furnished(files, url, None).await
    }

    pub(crate) async fn postgres() -> Self {
        let cluster = postgres::Cluster::shared();
        let database = postgres::Database::create(&cluster, &domicile_migration::fingerprint(), |url| async move {
            domicile_db::schema::migrate(&url).await.map(|_applied| ())
        })
        .await;
        Self::furnished(TempDir::with_prefix("domicile-import-").unwrap(), database.url(), Some(database)).await
    }

    pub(crate) async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    pub(crate) async fn furnished(files: TempDir, url: String, database: Option<postgres::Database>) -> Self {
        let mut place = Self { files, url, hostel: HostelId::new(uuid::Uuid::nil()), _database: database };
        let house = House::open(place.settings(), system::ambient()).await.unwrap();
        let installation = house.operator(Scope::System(Purpose::Installation));
        let command = CreateHostel { name: Some("City Hotel".to_owned()), ..CreateHostel::default() };
        place.hostel = house.tenancy.create_hostel(&installation, command).await.unwrap().id;
        house.database.close().await;
        place.least_months(0).await;
        place
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::load_common(&self.common()).unwrap()
    }

    pub(crate) fn common(&self) -> Common {
        Common {
            data_dir: Some(self.files.path().join("data")),
            database: Some(self.url.clone()),
            profile: Some("local".to_owned()),
        }
    }

    pub(crate) async fn least_months(&self, months: i64) {
        let house = House::open(self.settings(), system::ambient()).await.unwrap();
        let call = house.operator(Scope::Hostel(self.hostel));
        let version = house.tenancy.settings(&call).await.unwrap().version;
        let command = UpdateSettings { minimum_stay_months: Some(months), ..UpdateSettings::default() };
        house.tenancy.update_settings(&call, command, version).await.unwrap();
        house.database.close().await;
    }

    pub(crate) fn flags(&self, file: &Path) -> ImportBookings {
        ImportBookings {
            file: file.to_owned(),
            hostel: self.hostel.to_string(),
            shift_to: SHIFT_TO.to_owned(),
            rooms: Some("auto".to_owned()),
            common: self.common(),
        }
    }

    pub(crate) async fn import(&self, file: &Path) -> anyhow::Result<Report> {
        import::replay(self.settings(), system::ambient(), &self.flags(file)).await
    }

    /// What the database says, past everything: stays that share a bed, or a person, on a night; and how many stand in each
    /// state.
    pub(crate) async fn check(&self, report: &Report) {
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

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What the fixture says of a file.
pub(crate) fn expected(file: &Path) -> Report {
    let text = std::fs::read(fixture("import-report.json")).unwrap();
    let reports: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    serde_json::from_value(reports[name].clone()).unwrap()
}

/// Imports a file into a house on each database, twice, and compares with the fixture.
pub(crate) async fn same_on_both(file: &Path) {
    for place in Place::both().await {
        let report = place.import(file).await.unwrap();
        assert_eq!(report, expected(file), "{}", serde_json::to_string_pretty(&report).unwrap());
        place.check(&report).await;
        assert_eq!(place.import(file).await.unwrap(), report, "a second run finds everything done");
    }
}
