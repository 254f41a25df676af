//! The longest match of the rules, token by token.

use std::sync::LazyLock;

use regex_automata::hybrid::dfa::{Builder, Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::alphabet::{self, Kind};
use super::pattern;
use super::rules::{End, RULES, Rule};
use super::text;

/// The rules, and one automaton for all of them. Its states are built when a caption first needs them.
struct Lexer {
    rules: Vec<Rule>,
    automaton: DFA,
}

static LEXER: LazyLock<Lexer> = LazyLock::new(|| {
    let rules = RULES.concat();
    let patterns: Vec<String> = rules.iter().map(|rule| pattern::translate(rule.pattern)).collect();
    let automaton = Builder::new()
        .configure(Config::new().match_kind(MatchKind::All).cache_capacity(CACHE_CAPACITY))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build_many(&patterns)
        .expect("the rules are constants");
    Lexer { rules, automaton }
});

/// Keeps the states that were built for the next call. Threads that tokenise at the same time have one cache each.
static CACHES: LazyLock<Pool<Cache, fn() -> Cache>> =
    LazyLock::new(|| Pool::new(|| LEXER.automaton.create_cache()));

/// Bytes of states that one cache may hold. Usual captions need a tenth of it.
const CACHE_CAPACITY: usize = 16 << 20;

/// Writes the tokens of `text` with one space between them, and a line break for each line break of `text`.
pub(super) fn tokenize(text: &str) -> String {
    let units = Units::new(text);
    let mut cache = CACHES.get();
    let mut output = String::with_capacity(text.len() + text.len() / 4);
    let mut start = 0;
    while start < units.bytes.len() {
        let Some((rule, match_end)) = longest_match(&mut cache, &units.bytes, start) else {
            // No rule matches this character: it is left out and separates tokens.
            start += 1;
            continue;
        };
        let matched = &units.bytes[start..match_end];
        let (token, next) = split(rule, matched);
        if rule.text == text::Text::LineBreak {
            output.push('\n');
        } else if rule.text != text::Text::Nothing {
            if !output.is_empty() && !output.ends_with('\n') {
                output.push(' ');
            }
            output.push_str(&rule.text.apply(units.slice(start, start + token)).to_lowercase());
        }
        start += next;
    }
    output
}

/// The rule of the longest match at `start`, and where the match ends. Of several such rules the first one counts.
fn longest_match(cache: &mut Cache, bytes: &[u8], start: usize) -> Option<(&'static Rule, usize)> {
    const NO_GIVING_UP: &str = "the automaton has no reason to give up: every state fits into its cache";
    let Lexer { rules, automaton } = &*LEXER;
    let input = Input::new(bytes).range(start..).anchored(Anchored::Yes);
    let mut state = automaton.start_state_forward(cache, &input).expect(NO_GIVING_UP);
    let mut longest = None;
    // The automaton reports a match one step after its last byte, so one step goes past the end.
    for end in start..=bytes.len() {
        state = match bytes.get(end) {
            Some(&byte) => automaton.next_state(cache, state, byte).expect(NO_GIVING_UP),
            None => automaton.next_eoi_state(cache, state).expect(NO_GIVING_UP),
        };
        if state.is_match() {
            let patterns =
                (0..automaton.match_len(cache, state)).map(|i| automaton.match_pattern(cache, state, i));
            longest = patterns.min().map(|rule| (&rules[rule.as_usize()], end));
        } else if state.is_dead() {
            break;
        }
    }
    longest
}

/// How many characters of a match belong to the token, and after how many the next token may start.
fn split(rule: &Rule, matched: &[u8]) -> (usize, usize) {
    let before_blank = || matched.iter().position(|&byte| is_blank(byte)).unwrap_or(matched.len());
    match rule.end {
        End::Match => (matched.len(), matched.len()),
        End::Before(context) => (matched.len() - context, matched.len() - context),
        End::BeforeApostrophe => (last_apostrophe(matched), last_apostrophe(matched)),
        End::BeforeNot => (last_apostrophe(matched) - 1, last_apostrophe(matched) - 1),
        End::BeforeBlank => (before_blank(), before_blank()),
        End::StopAgain => (before_blank(), before_blank() - 1),
        End::StopAgainUnlessLetter if before_blank() == 2 => (1, 1),
        End::StopAgainUnlessLetter => (before_blank(), before_blank() - 1),
    }
}

fn is_blank(byte: u8) -> bool {
    const BLANKS: [u8; 4] =
        [Kind::NoBreakSpace as u8, Kind::WideSpace as u8, Kind::LineBreak as u8, Kind::NextLine as u8];
    byte.is_ascii_whitespace() || BLANKS.contains(&byte)
}

/// Where the last apostrophe starts. Any spelling of it counts.
fn last_apostrophe(matched: &[u8]) -> usize {
    const ENTITY: &[u8] = b"&apos;";
    const SPELLINGS: [u8; 4] = [b'\'', b'`', Kind::RightQuote as u8, Kind::LeftQuote as u8];
    (0..matched.len())
        .rev()
        .find(|&i| {
            let rest = &matched[i..];
            SPELLINGS.contains(&rest[0])
                || (rest.len() > ENTITY.len() && rest[..ENTITY.len()].eq_ignore_ascii_case(ENTITY))
        })
        .unwrap_or(matched.len())
}

/// A text as UTF-16 code units in the rules' alphabet.
struct Units<'t> {
    text: &'t str,
    bytes: Vec<u8>,
    /// Where each unit starts in `text`, and the end of `text`.
    offsets: Vec<usize>,
}

impl<'t> Units<'t> {
    fn new(text: &'t str) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut offsets = Vec::with_capacity(text.len() + 1);
        for (offset, c) in text.char_indices() {
            for &mut unit in c.encode_utf16(&mut [0; 2]) {
                bytes.push(alphabet::byte(unit));
                offsets.push(offset);
            }
        }
        offsets.push(text.len());
        Self { text, bytes, offsets }
    }

    fn slice(&self, start: usize, end: usize) -> &'t str {
        &self.text[self.offsets[start]..self.offsets[end]]
    }
}
