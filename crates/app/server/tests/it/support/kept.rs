//! An application that was ended, for tests that go on from the same place many times: each goes on with a copy.

use std::{fs, path::Path, sync::Arc};

use domicile_kernel::{Clock, Instant, ports::fixed::FixedClock};
use domicile_server::settings::Settings;
use domicile_testkit::postgres;
use tempfile::TempDir;

use super::{TestApp, client, open};

/// What an application left behind: its database, its data folder, and what its clock showed.
pub(crate) struct Kept {
    settings: Settings,
    now: Instant,
    folder: TempDir,
    database: Option<postgres::Database>,
}

impl TestApp {
    /// Ends it and keeps everything.
    pub(crate) async fn kept(mut self) -> Kept {
        self.close().await;
        let (settings, now) = (self.house.settings.clone(), self.clock.now());
        Kept { settings, now, folder: self.folder, database: self.database }
    }
}

impl Kept {
    /// The application as it was left, over a copy of everything: whoever had a session has it here, too.
    pub(crate) async fn copy(&self) -> TestApp {
        let folder = TempDir::with_prefix("domicile-app-").unwrap();
        copy_folder(self.folder.path(), folder.path());
        let (url, database) = match &self.database {
            None => (format!("sqlite://{}", folder.path().join("domicile.db").display()), None),
            Some(database) => {
                let copy = database.copy().await;
                (copy.url(), Some(copy))
            }
        };
        let settings = Settings {
            data_dir: folder.path().join("data"),
            database_url: url.clone(),
            owner_url: url.clone(),
            ..self.settings.clone()
        };
        let clock: Arc<FixedClock> = FixedClock::at("2026-01-20T10:30:00Z");
        clock.set(self.now);
        let (house, backstage, server, base) = open(settings, &clock, |_state| ()).await;
        TestApp { base, house, clock, client: client(), url, backstage: Some(backstage), server, folder, database }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
