//! What the audit trail keeps of sockets: the same as of requests.

use std::time::{Duration, Instant};

use domicile_kernel::Role;
use domicile_testkit::socket::{Client, auth};

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn who_enters_from_above_and_who_is_turned_away_stand_in_the_trail() {
    let app = TestApp::sqlite().await;
    let (volta, sahara) = (app.hostel("Volta Hall").await, app.hostel("Sahara House").await);
    let admin = app.member(volta, Role::Admin).await;
    let (above, stranger) = (app.super_admin().await, app.member(sahara, Role::Student).await);

    Client::enter(&app.base, &above.token, &volta.to_string()).await;
    let mut client = Client::connect(&app.base).await;
    client.send(&auth(&stranger.token, &volta.to_string(), None)).await;
    assert_eq!(client.closed().await.0, 4_403);

    for (action, who) in [("hostel.enter", above.id), ("access.denied", stranger.id)] {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let told = app.get(&format!("/api/admin/audit?action={action}")).by(&admin).told().await.is(200);
            let row = &told.data()[0];
            if row["actor"].as_str().is_some_and(|actor| actor.contains(&who.to_string())) {
                assert!(row.to_string().contains("live.socket"), "{row}");
                break;
            }
            assert!(Instant::now() < until, "{action} is not in the trail: {}", told.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    app.end().await;
}
