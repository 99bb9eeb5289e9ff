//! Starting, ending and killing a node, on a stand-in that keeps to the contract of `serve`.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use domicile_testkit::process::Binary;
use tempfile::TempDir;

/// A script in the place of the binary.
fn stand_in(folder: &TempDir, script: &str) -> Binary {
    let path = folder.path().join("domicile");
    fs::write(&path, format!("#!/bin/sh\n{script}")).expect("a script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script can be made executable");
    Binary::at(path)
}

const SERVING: &str = r#"
[ "$1 $2 $3" = "serve --listen 127.0.0.1:0" ] || exit 2
trap 'echo "going"; exit 7' TERM
echo "some account of the start, with listening on http:// in it" >&2
echo "arguments: $*, flavour: $DOMICILE_FLAVOUR, other: $DOMICILE_TEST_POSTGRES"
echo "listening on http://127.0.0.1:4711"
while :; do sleep 0.05; done
"#;

#[test]
fn a_node_tells_its_address_and_ends_when_asked() {
    let folder = TempDir::new().unwrap();
    let mut node = stand_in(&folder, SERVING).serve().arg("--demo").env("DOMICILE_FLAVOUR", "mint").start();
    assert_eq!(node.base_url(), "http://127.0.0.1:4711");
    assert!(node.is_running());
    assert!(node.log().contains("--demo --data-dir "), "{}", node.log());
    assert!(node.log().contains("flavour: mint, other: \n"), "settings of the tests are not passed on: {}", node.log());
    node.terminate();
    assert_eq!(node.wait(Duration::from_secs(5)).code(), Some(7));
    assert!(node.log().ends_with("going\n"));
}

#[test]
fn a_killed_node_is_gone_at_once_and_its_data_folder_stays() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut node = stand_in(&folder, SERVING).serve().data_dir(&data).start();
    fs::create_dir(&data).unwrap();
    assert_eq!(node.kill9().code(), None);
    assert!(!node.is_running());
    drop(node);
    assert!(data.is_dir());
}

#[test]
#[should_panic(expected = "no database")]
fn a_node_that_does_not_start_says_why() {
    let folder = TempDir::new().unwrap();
    let _ = stand_in(&folder, "echo 'no database' >&2; exit 1").serve().start();
}

#[test]
fn a_command_that_ends_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let answer = stand_in(&folder, "echo \"did $1\"").run(["migrate"]);
    assert!(answer.status.success());
    assert_eq!(answer.stdout, b"did migrate\n");
}
