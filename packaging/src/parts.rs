//! What the programs are built from, by cargo's own account.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates of the programs of a release, by the names of their packages.
const PROGRAMS: [&str; 2] = ["glimpse-cli", "glimpse-server"];

/// A crate in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageId {
    /// Its name on crates.io.
    pub name: String,
    /// Its version, e.g. `1.0.2`.
    pub version: String,
}

/// What its `Cargo.toml` says of a crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The SPDX expression of its licence.
    pub license: String,
    /// Names, with addresses at times.
    pub authors: Vec<String>,
    /// Where its sources are kept.
    pub repository: Option<String>,
    /// The folder of its sources on this machine.
    pub folder: PathBuf,
    /// Whether it comes from crates.io.
    pub is_published: bool,
}

/// The crates that go into the programs.
#[derive(Debug, Default)]
pub struct Parts {
    /// The root of the workspace.
    pub workspace: PathBuf,
    /// The programs' own crates.
    pub programs: Vec<PackageId>,
    /// Each crate, the programs' own included.
    pub packages: BTreeMap<PackageId, Package>,
    /// What each crate uses.
    pub uses: BTreeMap<PackageId, BTreeSet<PackageId>>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    version: String,
    license: Option<String>,
    authors: Vec<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

impl Parts {
    /// The parts of `glimpse` and `glimpse-serve` as they are built for `target`. `folder` lies in the workspace.
    ///
    /// # Errors
    /// Cargo fails, or a crate names no licence.
    pub fn of_programs(folder: &Path, target: &str) -> Result<Self> {
        let metadata = cargo(folder, &["metadata", "--locked", "--format-version", "1"])?;
        let metadata: Metadata = serde_json::from_str(&metadata).context("cargo metadata")?;
        let mut parts = Self { workspace: metadata.workspace_root, ..Self::default() };
        for program in PROGRAMS {
            let (id, uses) = crates_of(&tree(folder, program, target)?)?;
            parts.programs.push(id);
            for (user, used) in uses {
                parts.uses.entry(user).or_default().extend(used);
            }
        }
        for package in metadata.packages {
            let id = PackageId { name: package.name, version: package.version };
            if !parts.uses.contains_key(&id) {
                continue;
            }
            let license = package.license.with_context(|| format!("{} names no licence", id.name))?;
            let folder = package.manifest_path.parent().map(Path::to_path_buf).unwrap_or_default();
            let described = Package {
                // Cargo's older way to write a choice.
                license: license.replace('/', " OR "),
                authors: package.authors,
                repository: package.repository,
                folder,
                is_published: package.source.is_some(),
            };
            parts.packages.insert(id, described);
        }
        if let Some(id) = parts.uses.keys().find(|id| !parts.packages.contains_key(id)) {
            bail!("cargo metadata does not name {} {}", id.name, id.version);
        }
        Ok(parts)
    }
}

fn tree(folder: &Path, package: &str, target: &str) -> Result<String> {
    let from = ["tree", "--locked", "--package", package, "--target", target, "--edges", "normal"];
    cargo(folder, &[&from[..], &["--prefix", "depth", "--format", "\t{p}"]].concat())
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(folder).output().context("cargo")?;
    if !output.status.success() {
        bail!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The first crate of a printed tree, and what each crate in it uses. A line is a depth, a tab, a name, `v` and a version.
///
/// # Errors
/// A line of another form.
pub fn crates_of(tree: &str) -> Result<(PackageId, BTreeMap<PackageId, BTreeSet<PackageId>>)> {
    let mut uses = BTreeMap::<PackageId, BTreeSet<PackageId>>::new();
    let mut path: Vec<PackageId> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let parsed = line.split_once('\t').and_then(|(depth, package)| {
            let mut words = package.split_whitespace();
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            Some((depth.parse().ok()?, PackageId { name: name.into(), version: version.into() }))
        });
        let Some((depth, id)): Option<(usize, _)> = parsed.filter(|(depth, _)| *depth <= path.len()) else {
            bail!("cargo tree: {line:?} is not a depth and a crate");
        };
        path.truncate(depth);
        if let Some(user) = path.last() {
            uses.entry(user.clone()).or_default().insert(id.clone());
        }
        uses.entry(id.clone()).or_default();
        path.push(id);
    }
    let first = path.into_iter().next().context("cargo tree: nothing was printed")?;
    Ok((first, uses))
}
