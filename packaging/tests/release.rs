//! What a release holds beside the programs: it names every flag, and every crate with its licence.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use clap::Command;
use glimpse_packaging::{
    PackageId, Parts, Release, completions, crates_of, licences, manual_pages, programs, sbom,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process;
use std::sync::LazyLock;

const TARGET: &str = "x86_64-unknown-linux-gnu";

static PARTS: LazyLock<Parts> =
    LazyLock::new(|| Parts::of_programs(Path::new(env!("CARGO_MANIFEST_DIR")), TARGET).unwrap());

/// The name of each program and subcommand, with the flags that its help shows.
fn commands() -> Vec<(String, Vec<String>)> {
    let flags = |command: &Command| {
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        shown.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for mut program in programs() {
        program.build();
        found.push((program.get_name().to_string(), flags(&program)));
        for subcommand in program.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
            found.push((format!("{}-{}", program.get_name(), subcommand.get_name()), flags(subcommand)));
        }
    }
    found
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| letter != '-' && !letter.is_alphanumeric()).collect()
}

#[test]
fn manual_pages_name_every_flag() {
    let folder = tempfile::tempdir().unwrap();
    manual_pages(folder.path()).unwrap();
    let commands = commands();
    assert!(
        commands.iter().any(|(name, flags)| name == "glimpse-caption" && flags.len() > 20),
        "{commands:?}"
    );
    assert!(commands.iter().any(|(name, flags)| name == "glimpse-serve" && flags.len() > 20), "{commands:?}");
    for (name, flags) in commands {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH"), "{name}");
        let page = page.replace("\\-", "-").replace("\\fB", " ").replace("\\fR", " ");
        for flag in flags {
            assert!(words(&page).contains(flag.as_str()), "{name}: {flag}");
        }
    }
}

#[test]
fn completions_name_every_flag() {
    let folder = tempfile::tempdir().unwrap();
    completions(folder.path()).unwrap();
    for (name, flags) in commands() {
        let program = if name == "glimpse-serve" { "glimpse-serve" } else { "glimpse" };
        let files = [format!("{program}.bash"), format!("{program}.fish"), format!("_{program}")];
        for file in files {
            let text = fs::read_to_string(folder.path().join(&file)).unwrap();
            // fish writes `-l flag`.
            let text = text.replace("-l ", "--");
            for flag in &flags {
                assert!(words(&text).contains(flag.as_str()), "{file}: {flag}");
            }
        }
    }
}

#[test]
fn every_crate_is_there_with_its_licence() {
    let text = licences(&PARTS).unwrap();
    let (list, texts) = text.split_once(&"=".repeat(80)).unwrap();
    assert!(PARTS.packages.len() > 150, "{}", PARTS.packages.len());
    for (id, package) in &PARTS.packages {
        let name = format!("{} {}", id.name, id.version);
        assert!(list.lines().any(|line| line.starts_with(&format!("{name}: {}", package.license))), "{name}");
        let named = |line: &str| line.split(", ").any(|user| user == name);
        assert!(texts.lines().any(named), "no text belongs to {name}");
    }
    // A font in a crate and lists of words in another have licences of their own.
    for part in [
        "Bitstream Vera",
        "Princeton University",
        "Permission is hereby granted",
        "END OF TERMS AND CONDITIONS",
    ] {
        assert!(texts.contains(part), "{part}");
    }
}

#[test]
fn programs_bring_the_crates_that_they_are_known_for_and_no_others() {
    let names: BTreeSet<_> = PARTS.packages.keys().map(|id| id.name.as_str()).collect();
    for name in ["glimpse-cli", "glimpse-server", "glimpse-runtime", "ort", "clap", "axum", "plotters"] {
        assert!(names.contains(name), "{name}");
    }
    // Parts of the trainer, of tests, and of other systems.
    for name in ["tch", "prost", "criterion", "ureq", "windows-sys", "pyo3", "clap_mangen"] {
        assert!(!names.contains(name), "{name}");
    }
}

#[test]
fn the_list_of_parts_is_closed() {
    let release =
        Release { target: TARGET, timestamp: "2026-11-28T00:00:00Z", onnxruntime: "1.32.0", rustc: "1.95.0" };
    let document = sbom(&PARTS, &release);
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let components = document["components"].as_array().unwrap();
    let references: Vec<_> =
        components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    let different: BTreeSet<_> = references.iter().copied().collect();
    assert_eq!(different.len(), references.len());
    assert!(different.contains("pkg:pypi/onnxruntime@1.32.0"));
    for component in components {
        assert!(!component["licenses"][0]["expression"].as_str().unwrap().is_empty(), "{component}");
    }

    let root = document["metadata"]["component"]["bom-ref"].as_str().unwrap();
    let mut used = BTreeSet::from([root]);
    for edge in document["dependencies"].as_array().unwrap() {
        let user = edge["ref"].as_str().unwrap();
        assert!(user == root || different.contains(user), "{user}");
        used.extend(edge["dependsOn"].as_array().unwrap().iter().map(|used| used.as_str().unwrap()));
    }
    // Each part is used by something, and nothing is used that is no part.
    assert_eq!(used, different.into_iter().chain([root]).collect());
}

/// They run for an hour, so a slip should be known before.
#[test]
fn scripts_are_scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scripts: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|suffix| suffix == "sh")).collect();
    assert!(scripts.len() >= 4, "{scripts:?}");
    for script in scripts {
        let output = process::Command::new("bash").arg("-n").arg(&script).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let lines = fs::read_to_string(folder.join("README.txt")).unwrap().lines().count();
    assert_eq!(lines, 10, "the page of a release is short");
}

#[test]
fn a_tree_of_cargos_is_read_line_by_line() {
    let id = |name: &str, version: &str| PackageId { name: name.into(), version: version.into() };
    let tree = "0\ttop v1.0.0 (/somewhere)\n1\tleft v2.0.0\n2\tleaf v0.1.0 (proc-macro)\n1\tright v3.0.0+x\n2\tleaf v0.1.0 (*)\n";
    let (first, uses) = crates_of(tree).unwrap();
    assert_eq!(first, id("top", "1.0.0"));
    let leaf = BTreeSet::from([id("leaf", "0.1.0")]);
    assert_eq!(uses[&first], BTreeSet::from([id("left", "2.0.0"), id("right", "3.0.0+x")]));
    assert_eq!((&uses[&id("left", "2.0.0")], &uses[&id("right", "3.0.0+x")]), (&leaf, &leaf));
    assert!(uses[&id("leaf", "0.1.0")].is_empty() && uses.len() == 4);
    for broken in ["", "top v1.0.0", "0\ttop 1.0.0", "1\ttop v1.0.0", "0\ttop v1.0.0\n2\tleaf v1.0.0"] {
        assert!(crates_of(broken).is_err(), "{broken:?}");
    }
}
