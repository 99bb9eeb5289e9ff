//! Who may depend on whom: the ring table of `docs/architecture.md`, section 1, checked on `cargo metadata`.
//!
//! The table is [`ROWS`] as text and [`permits`] as code; a failure prints the edge and its row.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package, PackageId, camino::Utf8Path};

use crate::workspace;

/// Where a package stands; its folder says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ring {
    Kernel,
    Domain,
    Adapter,
    Workflows,
    Server,
    Testkit,
    Bench,
    Migration,
}

/// The table, for whoever reads a failure.
const ROWS: &[(&[Ring], &str)] = &[
    (
        &[Ring::Kernel, Ring::Domain],
        "domain/*   | may depend on: kernel; serde, thiserror, async-trait, time, jiff, uuid and the like \
         | must never know: another domain crate, sea-orm, actix, Redis, tokio, files, the wall clock",
    ),
    (
        &[Ring::Adapter],
        "adapters/* | may depend on: kernel, the domain crates whose ports it implements or calls, its one technology \
         | must never know: another adapter (except `telemetry`); the migration belongs to `db`",
    ),
    (
        &[Ring::Workflows, Ring::Server, Ring::Testkit, Ring::Bench],
        "app/*      | may depend on: everything below; only `server` and `testkit` see adapters \
         | nothing that ships depends on `testkit`; `bench` knows the product as a binary only, and nobody knows `bench`",
    ),
    (&[Ring::Migration], "migration  | may depend on: its technology | must never know: any crate of the house"),
];

const DEV_ROW: &str = "dev edges  | may point only to a domain crate's `memory` or `contract` feature \
                       or, from app/*, to `testkit`";

/// What a domain crate may take from outside the house, in any kind of edge but dev.
const PURE: &[&str] = &[
    "async-lock", // the one lock of the in-memory ports; needs no runtime
    "async-trait",
    "futures-core",
    "garde",
    "jiff",
    "serde",
    "serde_json",
    "thiserror",
    "time",
    "unicode-normalization",
    "unicode-segmentation",
    "utoipa", // behind the feature `schema`: a description of shapes, not a framework
    "uuid",
];

/// Technologies that no domain crate may bring in, however far down.
const IMPURE: &[&str] = &[
    "actix-http",
    "actix-web",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "moka",
    "rand",
    "redis",
    "reqwest",
    "sea-orm",
    "sea-query",
    "sqlx",
    "sqlx-core",
    "tokio",
    "tracing-subscriber",
];

/// Each technology and the adapters whose one it is. `server` puts everything together, `testkit` tears it apart and
/// `bench` measures beside them, so these may know all of them; `workflows` none.
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    ("actix-cors", &["domicile-http"]),
    ("actix-http", &["domicile-http", "domicile-realtime"]),
    ("actix-web", &["domicile-http"]),
    ("aes-gcm", &["domicile-identity"]),
    ("argon2", &["domicile-identity"]),
    ("deadpool-redis", &["domicile-cache"]),
    ("jsonwebtoken", &["domicile-identity"]),
    ("lettre", &["domicile-delivery"]),
    ("moka", &["domicile-cache"]),
    ("redis", &["domicile-cache"]),
    ("sea-orm", &["domicile-db", "domicile-migration"]),
    ("sea-orm-migration", &["domicile-db", "domicile-migration"]),
    ("sqlx", &["domicile-db", "domicile-migration"]),
    ("tracing-subscriber", &["domicile-telemetry"]),
    ("utoipa-swagger-ui", &["domicile-http"]),
];

/// Features of domain crates that are for tests.
const TEST_FEATURES: &[&str] = &["memory", "contract"];

/// A package of the workspace and its place.
struct Member<'a> {
    package: &'a Package,
    ring: Ring,
}

#[test]
fn every_edge_is_one_the_ring_table_allows() {
    let metadata = metadata(false);
    let members = members(&metadata);
    let mut offences = Vec::new();
    for (name, member) in &members {
        for edge in &member.package.dependencies {
            let target = members.get(edge.name.as_str());
            // Who names itself as a dev dependency only switches on its own features for its own tests.
            let itself = edge.name == *name;
            let verdict = match (edge.kind, target) {
                (DependencyKind::Development, Some(target)) => dev_edge(member, target, edge),
                (DependencyKind::Development, None) => Ok(()),
                (_, Some(_)) if itself => Err(row(member.ring)),
                (_, Some(target)) => house_edge(member, target, edge),
                (_, None) => outside_edge(member, edge),
            };
            if let Err(row) = verdict {
                let kind = match edge.kind {
                    DependencyKind::Development => "dev",
                    DependencyKind::Build => "build",
                    _ => "normal",
                };
                offences.push(format!("{name} → {} ({kind}, features {:?})\n    {row}", edge.name, edge.features));
            }
        }
    }
    assert!(
        offences.is_empty(),
        "These edges are not allowed (docs/architecture.md, section 1):\n{}",
        offences.join("\n")
    );
}

#[test]
fn no_technology_reaches_a_domain_crate_from_below() {
    let metadata = metadata(true);
    let members = members(&metadata);
    let resolve = metadata.resolve.as_ref().expect("metadata with dependencies has a resolution");
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let below: BTreeMap<&PackageId, Vec<&PackageId>> = resolve
        .nodes
        .iter()
        .map(|node| {
            let normal = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|info| info.kind != DependencyKind::Development));
            (&node.id, normal.map(|dependency| &dependency.pkg).collect())
        })
        .collect();

    let mut offences = Vec::new();
    for (name, member) in &members {
        if !matches!(member.ring, Ring::Kernel | Ring::Domain) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut ways = vec![vec![&member.package.id]];
        while let Some(way) = ways.pop() {
            let Some(last) = way.last().copied() else { continue };
            for next in below.get(last).into_iter().flatten().copied() {
                if !seen.insert(next) {
                    continue;
                }
                let longer: Vec<&PackageId> = way.iter().copied().chain([next]).collect();
                let next_name = names.get(next).copied().unwrap_or_default();
                if IMPURE.contains(&next_name) {
                    let path: Vec<&str> = longer.iter().filter_map(|id| names.get(*id).copied()).collect();
                    offences.push(format!("{name}: {}\n    {}", path.join(" → "), row(member.ring)));
                }
                ways.push(longer);
            }
        }
    }
    assert!(
        offences.is_empty(),
        "These technologies reach a domain crate (docs/architecture.md, section 1):\n{}",
        offences.join("\n")
    );
}

#[test]
fn every_package_is_named_after_its_folder() {
    let metadata = metadata(false);
    for package in metadata.workspace_packages() {
        let folder = folder(package, &metadata.workspace_root);
        let expected = folder.rsplit('/').next().map(|name| format!("domicile-{name}"));
        assert_eq!(Some(package.name.to_string()), expected, "the package at {folder}");
    }
}

/// A normal or build edge between two packages of the house.
fn house_edge(from: &Member<'_>, to: &Member<'_>, edge: &Dependency) -> Result<(), &'static str> {
    let for_tests = edge.features.iter().any(|feature| TEST_FEATURES.contains(&feature.as_str()));
    let allowed = permits(from, to) && (!for_tests || from.ring == Ring::Testkit);
    if allowed { Ok(()) } else { Err(row(from.ring)) }
}

fn permits(from: &Member<'_>, to: &Member<'_>) -> bool {
    match from.ring {
        Ring::Kernel | Ring::Migration | Ring::Bench => false,
        Ring::Domain => to.ring == Ring::Kernel,
        Ring::Adapter => match to.ring {
            Ring::Kernel | Ring::Domain => true,
            Ring::Adapter => to.package.name.as_str() == "domicile-telemetry",
            Ring::Migration => from.package.name.as_str() == "domicile-db",
            Ring::Workflows | Ring::Server | Ring::Testkit | Ring::Bench => false,
        },
        Ring::Workflows => matches!(to.ring, Ring::Kernel | Ring::Domain),
        Ring::Server => !matches!(to.ring, Ring::Testkit | Ring::Bench),
        Ring::Testkit => to.ring != Ring::Bench,
    }
}

fn dev_edge(from: &Member<'_>, to: &Member<'_>, edge: &Dependency) -> Result<(), &'static str> {
    let in_app = matches!(from.ring, Ring::Workflows | Ring::Server | Ring::Testkit);
    let allowed = match to.ring {
        Ring::Domain | Ring::Kernel => {
            !edge.features.is_empty() && edge.features.iter().all(|feature| TEST_FEATURES.contains(&feature.as_str()))
        }
        Ring::Testkit => in_app,
        _ => false,
    };
    if allowed { Ok(()) } else { Err(DEV_ROW) }
}

/// A normal or build edge that leaves the house.
fn outside_edge(from: &Member<'_>, edge: &Dependency) -> Result<(), &'static str> {
    let owners = TECHNOLOGIES.iter().find(|(name, _)| *name == edge.name).map(|(_, owners)| *owners);
    let allowed = match from.ring {
        Ring::Kernel | Ring::Domain => PURE.contains(&edge.name.as_str()),
        Ring::Adapter | Ring::Migration => owners.is_none_or(|owners| owners.contains(&from.package.name.as_str())),
        Ring::Workflows => owners.is_none(),
        Ring::Server | Ring::Testkit | Ring::Bench => true,
    };
    if allowed { Ok(()) } else { Err(row(from.ring)) }
}

fn row(ring: Ring) -> &'static str {
    ROWS.iter().find(|(rings, _)| rings.contains(&ring)).map(|(_, row)| *row).expect("every ring has a row")
}

fn members(metadata: &Metadata) -> BTreeMap<&str, Member<'_>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let ring = ring(folder(package, &metadata.workspace_root));
            (package.name.as_str(), Member { package, ring })
        })
        .collect()
}

/// The package's folder below the workspace, as in `crates/domain/kernel`.
fn folder<'a>(package: &'a Package, root: &Utf8Path) -> &'a str {
    package
        .manifest_path
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok())
        .expect("a member lies below the workspace")
        .as_str()
}

fn ring(folder: &str) -> Ring {
    match folder.split('/').collect::<Vec<_>>().as_slice() {
        ["crates", "domain", "kernel"] => Ring::Kernel,
        ["crates", "domain", _] => Ring::Domain,
        ["crates", "adapters", _] => Ring::Adapter,
        ["crates", "app", "workflows"] => Ring::Workflows,
        ["crates", "app", "server"] => Ring::Server,
        ["crates", "app", "testkit"] => Ring::Testkit,
        ["crates", "app", "bench"] => Ring::Bench,
        ["migration"] => Ring::Migration,
        _ => panic!("`{folder}` is in no ring: docs/architecture.md, section 1, says where a crate goes"),
    }
}

fn metadata(with_dependencies: bool) -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(workspace::root().join("Cargo.toml"));
    if with_dependencies {
        // Only this machine's packages: those of other systems need not even be downloaded here.
        command.other_options(vec!["--offline".to_owned(), "--filter-platform".to_owned(), host()]);
    } else {
        command.no_deps();
    }
    command.exec().expect("`cargo metadata` answers")
}

fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(Path::new(&rustc))
        .args(["--print", "host-tuple"])
        .current_dir(workspace::root())
        .output()
        .expect("`rustc` can be started");
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}
