//! Addresses on the Internet, names of files and accounts, tags of HTML.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    ("url", r"https?://[^{NotInUrl}{Brace}]+[^{NotInUrl}{Brace}{UrlEnd}]"),
    ("site", r"www\.(?:[^{NotInUrl}{Brace}!,.?]+\.)+[A-Za-z]{2,4}|{domain}"),
    // The range from comma to underscore also keeps capitals and digits out of these, as in the original.
    ("domain", "(?:[^{NotInUrl}{Brace}!$'`,-_]+\\.)+(?:com|edu|net|org)"),
    ("path", r"/[^{NotInUrl}]+[^{NotInUrl}{Brace}{UrlEnd}]"),
    ("mailbox", "[A-Za-z0-9][^{NotInUrl}{Brace}{NoBreakSpace}]*"),
    ("mail_host", r"(?:{mail_label}\.)*{mail_label}"),
    ("mail_label", "[^{NotInUrl}{Brace}{NoBreakSpace}.]+"),
    ("file_name", r"(?:{file_part}\.)+(?:{source_file}|{office_file}|{media_file}|{archive})"),
    ("file_part", "(?:{Digit}|{letter})+"),
    ("source_file", "bat|c|cgi|class|cpp|dll|exe|h|jar|java|php|pl|py|sql"),
    ("office_file", "docx?|html?|pdf|ppt|ps|txt|x|xml"),
    ("media_file", "bmp|gif|jpe?g|mov|mp3|png|wav"),
    ("archive", "gz|tar|zip"),
    // A start tag with attributes, an end tag, a declaration or a comment.
    ("tag", r"<(?:{tag_name}(?: +{attribute})* */?|/{tag_name}|[!?][A-Za-z\-][^\n\r>]*) *>"),
    ("tag_name", r"[A-Za-z][A-Za-z0-9:_.\-]*"),
    ("attribute", r#"{tag_name}(?: *= *(?:"[^"]*"|'[^']*'))?"#),
];

pub(super) const RULES: &[Rule] = &[
    rule("{url}|(?:{site}){path}?", End::Match, Text::Same),
    rule("(?:<|&lt;)?{mailbox}@{mail_host}(?:>|&gt;)?", End::Match, Text::Same),
    rule("@[A-Z_a-z][0-9A-Z_a-z]*|#{letter}+", End::Match, Text::Same),
    rule("{tag}", End::Match, Text::NoBreakSpaces),
];

/// After abbreviations, some of which end like a file of C.
pub(super) const FILE_RULES: &[Rule] = &[
    rule("{file_name}{blank}", End::BeforeBlank, Text::Same),
    rule("{file_name}[!,.?]", End::Before(1), Text::Same),
];
