//! The commands that pages print.

use glimpse_tests::places::project;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::fs;

/// A block of a page that a reader would paste into a shell.
#[derive(Debug)]
pub struct Block {
    /// Where it begins, 1 for the first line.
    pub line: usize,
    /// Its commands; one that goes on over several lines is one command.
    pub commands: Vec<String>,
}

/// The blocks of a page that are in `sh` or `console`, in their order.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(project().join(page)).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let line = text[..range.start].lines().count() + 1;
                open = Some((language.to_string(), line, String::new()));
            }
            Event::Text(part) => {
                if let Some((.., block)) = &mut open {
                    *block += &part;
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let (language, line, block) = open.take().unwrap_or_default();
                let commands = match language.as_str() {
                    "sh" => commands(block.lines()),
                    // The other lines are what the commands print.
                    "console" => commands(block.lines().filter_map(|line| line.strip_prefix("$ "))),
                    _ => continue,
                };
                found.push(Block { line, commands });
            }
            _ => {}
        }
    }
    found
}

/// Lines that end in a backslash or a pipe go on in the next one.
fn commands<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in lines {
        match found.last_mut() {
            Some(last) if goes_on => *last += &format!("\n{line}"),
            _ => found.push(line.to_string()),
        }
        goes_on = line.ends_with(['\\', '|']);
    }
    found
}
