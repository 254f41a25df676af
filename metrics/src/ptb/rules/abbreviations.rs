//! Words that keep their full stop.
//!
//! Brackets around the first letter make a pattern match one case only, where the word means something else in lower
//! case.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    // Letters with full stops between them, without the last full stop.
    ("acronym", "[A-Za-z]|{long_acronym}"),
    ("long_acronym", r"[A-Za-z](?:\.[A-Za-z])+|{compound_acronym}"),
    ("compound_acronym", r"(?:canada|eu|japan|korean|non|sino)-u\.s|u\.s\.-u\.(?:k|s\.s\.r)"),
    // Before a capital these also end a sentence.
    ("before_small", r"{calendar}|{state}|{company}|{after_name}|al|bldg|est|etc|ext|seq|sq|tel"),
    ("calendar", "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|thurs|fri"),
    ("state", "{state_in_any_case}|{capitalised_state}"),
    (
        "state_in_any_case",
        "ala|ariz|calif|colo|conn|ct|dak|fla|ga|ind|kans?|ky|md|mich|minn|mo|mont|neb|nev|okla|penn|tenn|va|vt|wisc?|wyo",
    ),
    ("capitalised_state", "[A]rk|[A]z|[D]el|[I]ll|[L]a|[M]ass|[M]iss|[O]re|[P]a|[T]ex|[W]ash"),
    ("company", "assn|bancorp|bhd|corp|cos?|inc|intl|ltd|plc|p{1,2}t[ey]s?|rt|sys|univ"),
    ("after_name", r"blvd|bros|ed\.d|esq|jr|ph\.d|rd|sr"),
    // Before a capital these do not end a sentence.
    (
        "before_capital",
        r"{title}|{place}|{acronym}|a\.k\.a|alex|cf|cie|dept|elec|invt|jos|m[ft]g|natl|ph|treas|vs|wm",
    ),
    ("title", "{form_of_address}|{rank}|{office}"),
    ("form_of_address", "drs?|hon|messrs|[M]iss|mlle|mme|mrs?|ms|msgr|profs?|rev|ste?"),
    ("rank", "adj|adm|brig|capt|co?mdr|col|cpl|ens|gen|lieut|lt|maj|pfc|pvt|sfc|sgt|spc"),
    ("office", "adv|asst|assoc|attys?|det|govs?|insp|pres|reps?|sens?|supts?"),
    ("place", "ave|ft|mt"),
    ("before_number", "art|bldg|ca|figs?|nos?|op|pp|prop"),
    // Words that begin with a capital and follow an acronym that ends a sentence.
    ("sentence_opener", r"{pronoun}|{article}|{conjunction}|{adverb}|{preposition}|[M]r\.|[M]s\."),
    ("pronoun", "[H]er?|[I]t|[O]ne|[O]ther|[O]ur|[S]he|[T]heir|[T]hey|[W]e|[W]hat|[Y]ou"),
    ("article", "[A]n?|[M]any|[M]ore|[S]ome|[S]uch|[T]hat|[T]he|[T]hese|[T]his"),
    ("conjunction", "[A]s|[B]ut|[H]owever|[I]f|[S]ince|[S]o|[W]hen|[W]hile|[Y]et"),
    ("adverb", "[A]dditionally|[E]arlier|[H]ere|[L]ast|[N]ow|[O]nce|[T]hen|[T]here"),
    ("preposition", "[A]bout|[A]ccording|[A]fter|[A]t|[I]n"),
];

pub(super) const RULES: &[Rule] = &[
    rule(
        r"(?:{acronym})\.(?:{blank})+(?:{sentence_opener}|{tag}){blank}",
        End::StopAgainUnlessLetter,
        Text::Same,
    ),
    rule(r"(?:{before_number})\.{blank}{Digit}", End::BeforeBlank, Text::Same),
    rule(r"(?:{before_number})\.{Digit}", End::Before(1), Text::Same),
    rule(r"(?:co|pt[EYey])\.{Space}(?:lim|ltd)", End::Before(4), Text::Same),
    rule(r"(?:{before_small})\.{blank}(?:{blank}|{Uppercase}|{tag})", End::StopAgain, Text::Same),
    rule(r"(?:{before_small})\.{Anything}{2}", End::Before(2), Text::Same),
    // Only at the very end of the text.
    rule(r"(?:{before_small})\.", End::StopAgain, Text::Same),
    rule(r"(?:{before_capital})\.", End::Match, Text::Same),
    rule("(?:{before_capital}){Space}", End::Before(1), Text::Same),
    rule("(?:{acronym}){blank}", End::BeforeBlank, Text::Same),
    rule(r"{word}\.{clause_mark}", End::Before(1), Text::NoSoftHyphens),
];
