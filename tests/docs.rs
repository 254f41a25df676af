//! What the documentation names exists: linked files and headings, the files of the project in `code`, unsafe code,
//! interfaces of decoders.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_bundle::{CONFIG, Config, DecoderInterface};
use glimpse_tests::places::{is_page, pages, project, shipped_bundle};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the name of a file in `code` ends in, where it is to exist.
const SUFFIXES: [&str; 11] =
    [".rs", ".py", ".mjs", ".toml", ".md", ".json", ".txt", ".svg", ".safetensors", ".onnx", "/"];

/// What a page names.
#[derive(Debug, Default)]
struct Page {
    links: Vec<String>,
    code: Vec<String>,
    /// By which links lead to its headings.
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let text = fs::read_to_string(path).unwrap();
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.to_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.extend(heading.take().map(|heading| anchor(&heading)));
                }
                Event::Text(text) => heading.iter_mut().for_each(|heading| *heading += &text),
                Event::Code(code) => {
                    heading.iter_mut().for_each(|heading| *heading += &code);
                    page.code.push(code.to_string());
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

/// Why a link leads nowhere, if it does. Links out of the project are not followed.
fn dead(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = if file.is_empty() { page.to_path_buf() } else { page.parent().unwrap().join(file) };
    if !target.exists() {
        return Some(format!("{link}: no such file"));
    }
    let heading = heading.filter(|_| is_page(&target))?;
    let found = Page::read(&target).anchors.contains(heading);
    (!found).then(|| format!("{link}: no such heading"))
}

/// Whether `code` is written as a file or folder of this project, by its path from the root.
fn is_project_path(code: &str) -> bool {
    let Some((first, _)) = code.split_once('/') else { return false };
    let is_plain = code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    is_plain
        && !first.is_empty()
        && !matches!(first, "target" | "runs" | "." | "..")
        && SUFFIXES.iter().any(|suffix| code.ends_with(suffix))
        && project().join(first).is_dir()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut links = 0;
    let mut problems = Vec::new();
    for path in &pages {
        for link in Page::read(path).links {
            links += 1;
            problems.extend(dead(path, &link).map(|problem| format!("{}: {problem}", path.display())));
        }
    }
    println!("{} pages, {links} links", pages.len());
    assert!(links > 40, "{links} links were found: the pages are not read");
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_file_that_is_named_exists() {
    let mut named = 0;
    let mut problems = Vec::new();
    for path in pages() {
        for code in Page::read(&path).code.into_iter().filter(|code| is_project_path(code)) {
            named += 1;
            if !project().join(&code).exists() {
                problems.push(format!("{}: there is no {code}", path.display()));
            }
        }
    }
    println!("{named} files and folders are named");
    assert!(named > 40, "{named} files were found: the pages are not read");
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The decoder interface that a page writes down as JSON.
fn interface_in(page: &str) -> DecoderInterface {
    let text = fs::read_to_string(project().join(page)).unwrap();
    let (_, block) = text.split_once("```json\n\"decoder\": ").unwrap();
    serde_json::from_str(block.split_once("```").unwrap().0).unwrap()
}

#[test]
fn decoder_interfaces_are_as_written() {
    let config = fs::read_to_string(shipped_bundle().join(CONFIG)).unwrap();
    let config: Config = serde_json::from_str(&config).unwrap();
    assert_eq!(interface_in("docs/bundle.md"), DecoderInterface::attention_lstm(&config.architecture));
    let toy = interface_in("ARCHITECTURE.md");
    assert_eq!((toy.validate().map_err(|error| error.to_string()), toy.state.len()), (Ok(()), 1));
}

/// Source files outside of tests that have an `unsafe` block or implementation, by their paths from the root.
fn unsafe_files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && !matches!(name, "target" | "tests" | "runs") {
                unsafe_files(&path, found);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            if ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|code| text.contains(code)) {
                found.insert(path.strip_prefix(project()).unwrap().to_str().unwrap().to_string());
            }
        }
    }
}

#[test]
fn unsafe_code_is_named() {
    let page = fs::read_to_string(project().join("SECURITY.md")).unwrap();
    let table = page.split("\n## ").find(|section| section.starts_with("Unsafe code")).unwrap();
    let named: BTreeSet<_> =
        table.split('`').filter(|code| code.ends_with(".rs")).map(String::from).collect();
    let mut found = BTreeSet::new();
    unsafe_files(project(), &mut found);
    assert_eq!(found, named);
}

#[test]
fn dead_links_are_found() {
    let page = project().join("README.md");
    for (link, says) in [
        ("nowhere.md", "no such file"),
        ("docs/bundle.md#no-such-heading", "no such heading"),
        ("#no-such-heading", "no such heading"),
        ("../no-such-page.md", "no such file"),
    ] {
        let problem = dead(&page, link).unwrap_or_default();
        assert!(problem.contains(says), "{link}: {problem}");
    }
    for link in ["docs/bundle.md#encoder_modelonnx", "#licence", "docs", "https://example.org/nowhere"] {
        assert_eq!(dead(&page, link), None);
    }
    assert!(is_project_path("bundle/src/nowhere.rs") && is_project_path("generation/"));
    assert!(!is_project_path("target/bench/summary.json") && !is_project_path("and/or"));
    assert_eq!(anchor("`glimpse` on a *GPU*: 7x7"), "glimpse-on-a-gpu-7x7");
}
