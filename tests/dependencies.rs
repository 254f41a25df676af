//! Who may know whom, by cargo's own account, and how large the deployed program is.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::project;
use glimpse_tests::programs::glimpse_path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each crate and those of this workspace that it may use.
const EDGES: [(&str, &[&str]); 14] = [
    ("attention", &["bundle"]),
    ("bundle", &[]),
    ("captions", &[]),
    ("cli", &["attention", "bundle", "captions", "metrics", "runtime"]),
    ("export", &["bundle"]),
    ("generation", &["bundle"]),
    ("metrics", &[]),
    ("page", &[]),
    ("python", &["bundle", "cli", "metrics", "runtime"]),
    // `runtime` for the program alone, which calibrates.
    ("quantize", &["bundle", "export", "runtime"]),
    ("runtime", &["bundle", "generation"]),
    ("server", &["bundle", "page", "runtime"]),
    ("trainer", &["attention", "bundle", "captions", "export", "metrics"]),
    // What runs in the browser is onnxruntime-web.
    ("web", &["bundle", "page"]),
];

/// Each heavy dependency with those who may use it, directly or not.
const HEAVY: [(&[&str], &[&str]); 7] = [
    (&["tch", "torch-sys"], &["trainer"]),
    (&["ort", "ort-sys"], &["cli", "python", "quantize", "runtime", "server"]),
    (&["prost"], &["export", "quantize", "trainer"]),
    (&["plotters"], &["cli", "python", "trainer"]),
    (&["pyo3"], &["python"]),
    // Clients of HTTP: a backbone can be downloaded for training.
    (&["hf-hub", "ureq"], &["trainer"]),
    // A web server would not leave `glimpse` below 10 MB.
    (&["axum", "hyper", "utoipa"], &["server"]),
];

/// What a user of the library does not build.
const NOT_IN_THE_LIBRARY: [&str; 7] =
    ["clap", "plotters", "csv", "indicatif", "base64", "glimpse-captions", "glimpse-metrics"];
/// Crates that the library may be built from, itself included.
const LIBRARY_CRATES: usize = 90;

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(project()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a crate of this workspace is built from, as `cargo tree` prints it.
fn tree(name: &str) -> BTreeSet<String> {
    let package = format!("glimpse-{name}");
    let lines = cargo(&["tree", "-p", &package, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
    lines.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_string())).collect()
}

/// Each crate of this workspace with what it names under `[dependencies]`.
fn named_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let names = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| text(&dependency["name"]))
            .collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (text(&package["name"]), names(package))).collect()
}

#[test]
fn crates_know_only_whom_the_design_allows() {
    let named = named_dependencies();
    let members: BTreeSet<_> =
        EDGES.iter().map(|(name, _)| *name).chain(["bench", "fuzz", "packaging", "tests"]).collect();
    let found: BTreeSet<_> = named.keys().map(|name| name.strip_prefix("glimpse-").unwrap()).collect();
    assert_eq!(found, members, "a crate without a rule");
    for (name, allowed) in EDGES {
        let used = named[&format!("glimpse-{name}")].iter().filter_map(|name| name.strip_prefix("glimpse-"));
        let beyond: Vec<_> = used.filter(|used| !allowed.contains(used)).collect();
        assert!(beyond.is_empty(), "{name} uses {beyond:?}, and may use {allowed:?}");
    }
}

#[test]
fn the_picture_of_the_architecture_has_these_edges() {
    let page = std::fs::read_to_string(project().join("ARCHITECTURE.md")).unwrap();
    let drawn: BTreeSet<_> = page.lines().filter_map(|line| line.trim().split_once(" --> ")).collect();
    let edges = EDGES.iter().flat_map(|(user, used)| used.iter().map(|used| (*user, *used)));
    assert_eq!(drawn, edges.collect());
}

#[test]
fn heavy_dependencies_stay_where_they_belong() {
    for (name, _) in EDGES {
        let tree = tree(name);
        assert!(tree.contains(&format!("glimpse-{name}")), "cargo tree says nothing of {name}");
        for (dependencies, users) in HEAVY {
            for dependency in dependencies {
                let expected = users.contains(&name);
                assert_eq!(tree.contains(*dependency), expected, "{name} and {dependency}");
            }
        }
    }
}

/// What the tree allows the trainer because of `export`, its own manifest does not.
#[test]
fn heavy_dependencies_are_named_where_they_are_used() {
    let named = named_dependencies();
    // ONNX is Protocol Buffers, and so are the events that TensorBoard reads.
    let owners = [("tch", &["trainer"][..]), ("ort", &["runtime"]), ("prost", &["export", "trainer"])];
    for (dependency, owners) in owners {
        let users = named.iter().filter(|(_, dependencies)| dependencies.contains(dependency));
        let users: Vec<_> =
            users.map(|(name, _)| name.as_str()).filter(|name| *name != "glimpse-tests").collect();
        let owners: Vec<_> = owners.iter().map(|owner| format!("glimpse-{owner}")).collect();
        assert_eq!(users, owners, "{dependency}");
    }
}

#[test]
fn the_library_is_lean() {
    let tree = tree("runtime");
    println!("glimpse-runtime is built from {} crates", tree.len());
    assert!(tree.len() <= LIBRARY_CRATES, "{} crates: {tree:?}", tree.len());
    for heavy in NOT_IN_THE_LIBRARY {
        assert!(!tree.contains(heavy), "{heavy}");
    }
}

/// The mathematics of eight bits need no ONNX Runtime; the program that calibrates does.
#[test]
fn the_quantizer_without_its_program_needs_no_onnx_runtime() {
    let flags =
        ["tree", "-p", "glimpse-quantize", "--no-default-features", "-e", "normal", "--prefix", "none"];
    let tree = cargo(&flags);
    assert!(tree.contains("glimpse-export"));
    for heavy in ["ort ", "clap ", "glimpse-runtime"] {
        assert!(!tree.lines().any(|line| line.starts_with(heavy)), "{heavy}");
    }
}

#[test]
fn the_deployed_program_is_small() {
    let program = glimpse_path();
    let megabytes = program.metadata().unwrap().len() as f64 / 1e6;
    println!("{}: {megabytes:.2} MB", program.display());
    assert!(megabytes <= 10.0, "{} has {megabytes:.2} MB", program.display());
}
