//! The mail that went out: files in the sandbox outbox.

use std::time::Duration;

use super::TestApp;

impl TestApp {
    /// The code in the newest mail to an address, once there are `count` mails to it.
    pub(crate) async fn mailed_code(&self, email: &str, count: usize) -> String {
        let folder = self.house.settings.data_dir.join("outbox");
        let mark = format!("-{email}-");
        for _ in 0..1_000 {
            let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut mails: Vec<_> = files
                .map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()))
                .filter(|(name, path)| name.contains(&mark) && path.extension().is_some_and(|is| is == "txt"))
                .collect();
            mails.sort();
            if mails.len() >= count {
                let text = std::fs::read_to_string(&mails.last().unwrap().1).unwrap();
                let code = text.lines().find_map(|line| line.strip_prefix("Your code: "));
                return code.unwrap_or_else(|| panic!("no code in {text}")).to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{email} never got {count} mails");
    }
}
