use crate::parts::{Package, PackageId, Parts};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// How files begin that state a licence.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
/// Code may be called that too.
const CODE: [&str; 6] = ["rs", "py", "sh", "toml", "json", "html"];
/// Folders below a crate in which such files are looked for: some crates hold fonts or tables of others.
const DEPTH: usize = 3;

/// All licences of the crates in the programs: a line for each crate, then each text with the crates that it belongs to.
///
/// # Errors
/// A crate without any text whose licence is not the MIT licence either.
pub fn licences(parts: &Parts) -> Result<String> {
    let own = fs::read_to_string(parts.workspace.join("LICENSE")).context("LICENSE")?;
    let mut out = String::from("The programs of this release are built from these crates:\n\n");
    let mut users = BTreeMap::<String, Vec<String>>::new();
    for (id, package) in &parts.packages {
        let name = format!("{} {}", id.name, id.version);
        let repository = package.repository.as_deref().unwrap_or("part of this project");
        writeln!(out, "{name}: {} ({repository})", package.license)?;
        for text in texts(id, package, &own)? {
            users.entry(text).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<_> = users.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, users) in texts {
        write!(out, "\n{}\n{}\n\n{text}\n", "=".repeat(80), users.join(", "))?;
    }
    Ok(out)
}

/// The texts that come with a crate.
fn texts(id: &PackageId, package: &Package, own: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    licence_files(&package.folder, DEPTH, &mut files)?;
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        texts.push(String::from_utf8_lossy(&bytes).trim().replace("\r\n", "\n"));
    }
    if !package.is_published {
        texts.push(own.trim().to_string());
    } else if texts.is_empty() {
        let offers_mit = package.license.split(" OR ").any(|license| license == "MIT");
        if !offers_mit || package.authors.is_empty() {
            bail!("{} {} comes without the text of its licence, {}", id.name, id.version, package.license);
        }
        texts.push(mit(own, &package.authors));
    }
    Ok(texts)
}

/// The MIT licence of this project with other holders.
fn mit(own: &str, holders: &[String]) -> String {
    let line = |line: &str| {
        if line.starts_with("Copyright") {
            format!("Copyright (c) {}", holders.join(", "))
        } else {
            line.into()
        }
    };
    own.trim().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn licence_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                licence_files(&path, depth - 1, files)?;
            }
        } else if states_a_licence(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn states_a_licence(path: &Path) -> bool {
    let lower = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().to_lowercase();
    let (name, extension) = (lower(path.file_name()), lower(path.extension()));
    NAMES.iter().any(|start| name.starts_with(start)) && !CODE.contains(&extension.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &Path, license: &str) -> Package {
        let authors = vec!["Ada <ada@example.org>".to_string()];
        let folder = folder.to_path_buf();
        Package { license: license.into(), authors, repository: None, folder, is_published: true }
    }

    #[test]
    fn a_crate_without_a_text_gets_the_mit_licence_or_none() {
        let id = PackageId { name: "plain".into(), version: "1.0.0".into() };
        let folder = tempfile::tempdir().unwrap();
        let own = "MIT License\n\nCopyright (c) Glimpse\n\nPermission is hereby granted";
        let found = texts(&id, &package(folder.path(), "MIT OR Apache-2.0"), own).unwrap();
        assert_eq!(
            found,
            ["MIT License\n\nCopyright (c) Ada <ada@example.org>\n\nPermission is hereby granted"]
        );
        let refused = texts(&id, &package(folder.path(), "Apache-2.0"), own).unwrap_err().to_string();
        assert_eq!(refused, "plain 1.0.0 comes without the text of its licence, Apache-2.0");

        fs::create_dir_all(folder.path().join("fonts/a")).unwrap();
        fs::write(folder.path().join("fonts/a/LICENSE.txt"), "of a font\r\n").unwrap();
        fs::write(folder.path().join("license.rs"), "fn main() {}").unwrap();
        assert_eq!(texts(&id, &package(folder.path(), "Apache-2.0"), own).unwrap(), ["of a font"]);
    }
}
