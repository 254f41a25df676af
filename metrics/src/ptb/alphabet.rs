//! Maps characters to the few dozen kinds that the tokenizer distinguishes.
//!
//! The rules are automata over bytes: an ASCII character stands for itself, every other UTF-16 code unit for its
//! kind, a byte from 0x80 on. The original reads UTF-16 too, so a character beyond the basic plane is two units, which
//! no rule matches.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// The kinds of characters outside ASCII. The value is the byte in the rules' alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Control characters, unassigned code points, halves of surrogate pairs. They are dropped where they stand alone.
    Unknown = 0x80,
    /// A letter that is not upper case.
    Lower,
    /// An upper-case letter.
    Upper,
    /// U+017F, which folds to `s`.
    LongS,
    /// U+0130, which folds to `i`.
    DottedI,
    /// U+0131, which folds to `i`.
    DotlessI,
    /// U+212A, which folds to `k`.
    KelvinSign,
    /// Combining marks and modifiers that may stand inside a word.
    Mark,
    /// U+00AD, removed from words.
    SoftHyphen,
    /// A decimal digit of another script.
    Digit,
    /// Arabic decimal and thousands separators.
    NumberSeparator,
    /// Superscript and subscript plus and minus.
    ScriptSign,
    /// Superscript digits.
    Superscript,
    /// Subscript digits.
    Subscript,
    /// Vulgar fractions in one character.
    Fraction,
    /// U+2044.
    FractionSlash,
    /// Currency signs other than the dollar.
    Currency,
    /// U+00A0.
    NoBreakSpace,
    /// Typographic spaces.
    WideSpace,
    /// Vertical tab and the Unicode line and paragraph separators.
    LineBreak,
    /// U+0085: an ellipsis in Windows-1252, a line break in Unicode.
    NextLine,
    /// En and em dashes.
    Dash,
    /// Hyphens other than ASCII's.
    Hyphen,
    /// U+2026.
    Ellipsis,
    /// U+3001.
    IdeographicComma,
    /// Right single quotation marks.
    RightQuote,
    /// Left single quotation marks.
    LeftQuote,
    /// Double, low and angle quotation marks.
    Quote,
    /// Roman numerals: upper case, but neither letter nor symbol.
    RomanNumeral,
    /// Circled capitals: upper-case symbols.
    CircledCapital,
    /// Punctuation and symbols that are tokens by themselves.
    Symbol,
    /// Invisible characters that count as space.
    Invisible,
}

/// Byte of a UTF-16 code unit in the rules' alphabet.
pub(super) fn byte(unit: u16) -> u8 {
    TABLE[usize::from(unit)]
}

static TABLE: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut table = vec![Kind::Unknown as u8; 1 << 16].into_boxed_slice();
    for (first, last) in basic_plane(LETTERS) {
        for unit in first..=last {
            let upper =
                char::from_u32(unit.into()).is_some_and(char::is_uppercase) && !CHEROKEE.contains(&unit);
            table[usize::from(unit)] = if upper { Kind::Upper } else { Kind::Lower } as u8;
        }
    }
    for (first, last) in basic_plane(r"[\p{Nd}&&\p{age:6.3}]") {
        table[usize::from(first)..=usize::from(last)].fill(Kind::Digit as u8);
    }
    for &(kind, ranges) in RANGES {
        for &(first, last) in ranges {
            for unit in first..=last {
                let slot = &mut table[usize::from(unit)];
                // Marks and symbols are given as blocks. Letters and digits within a block keep their kind.
                let is_block = matches!(kind, Kind::Mark | Kind::Symbol);
                if !is_block || *slot == Kind::Unknown as u8 {
                    *slot = kind as u8;
                }
            }
        }
    }
    for byte in (0x20..0x7f).chain([b'\t', b'\n', b'\r', 0x0c]) {
        table[usize::from(byte)] = byte;
    }
    table
});

/// The letters of Unicode 6.3, the version that the original was generated with. Characters that were added later or
/// became letters later are left out. U+1885 and U+1886 were letters in that version.
const LETTERS: &str =
    r"[[[\p{L}\x{1885}\x{1886}]&&\p{age:6.3}]--[\x{19b0}-\x{19c0}\x{19c8}\x{19c9}\x{1cf2}\x{1cf3}]]";

/// Letters that had no case yet in Unicode 6.3.
const CHEROKEE: std::ops::RangeInclusive<u16> = 0x13a0..=0x13f5;

/// The ranges below U+10000 of a character class in regex syntax.
fn basic_plane(class: &str) -> Vec<(u16, u16)> {
    let hir = regex_syntax::parse(class).map(|hir| hir.into_kind());
    let Ok(HirKind::Class(Class::Unicode(class))) = hir else {
        unreachable!("a constant pattern that is one character class");
    };
    class
        .iter()
        .filter_map(|range| {
            let first = u16::try_from(u32::from(range.start())).ok()?;
            Some((first, u16::try_from(u32::from(range.end())).unwrap_or(u16::MAX)))
        })
        .collect()
}

/// Kinds that no property of Unicode describes. A later entry replaces an earlier one.
const RANGES: &[(Kind, &[(u16, u16)])] = &[
    (
        Kind::Mark,
        &[
            (0x0237, 0x024f),
            (0x02c2, 0x02c5),
            (0x02d2, 0x02df),
            (0x02e5, 0x037d),
            (0x0384, 0x0385),
            (0x03f6, 0x03f6),
            (0x0483, 0x0487),
            (0x055a, 0x055f),
            (0x0591, 0x05bd),
            (0x05bf, 0x05bf),
            (0x05c1, 0x05c2),
            (0x05c4, 0x05c5),
            (0x05c7, 0x05c7),
            (0x0615, 0x061a),
            (0x064b, 0x065e),
            (0x0670, 0x0670),
            (0x06d6, 0x06ed),
            (0x06fd, 0x06fe),
            (0x070f, 0x070f),
            (0x0711, 0x0711),
            (0x0730, 0x074f),
            (0x07a6, 0x07b1),
            (0x07ca, 0x07f5),
            (0x0900, 0x0903),
            (0x093c, 0x093c),
            (0x093e, 0x094e),
            (0x0951, 0x0955),
            (0x0962, 0x0963),
            (0x0981, 0x0983),
            (0x09bc, 0x09c4),
            (0x09c7, 0x09c8),
            (0x09cb, 0x09cd),
            (0x09d7, 0x09d7),
            (0x09e2, 0x09e3),
            (0x0a01, 0x0a03),
            (0x0a3c, 0x0a3c),
            (0x0a3e, 0x0a4f),
            (0x0a81, 0x0a83),
            (0x0abc, 0x0acf),
            (0x0b82, 0x0b82),
            (0x0bbe, 0x0bc2),
            (0x0bc6, 0x0bc8),
            (0x0bca, 0x0bcd),
            (0x0c01, 0x0c03),
            (0x0c3e, 0x0c56),
            (0x0d3e, 0x0d44),
            (0x0d46, 0x0d48),
            (0x0e31, 0x0e3a),
            (0x0e47, 0x0e4e),
            (0x0eb1, 0x0ebc),
            (0x0ec8, 0x0ecd),
        ],
    ),
    (
        Kind::Symbol,
        &[
            (0x00a1, 0x00bf),
            (0x00d7, 0x00d7),
            (0x00f7, 0x00f7),
            (0x037e, 0x037e),
            (0x0387, 0x0387),
            (0x0589, 0x0589),
            (0x05be, 0x05be),
            (0x05c0, 0x05c0),
            (0x05c3, 0x05c3),
            (0x05c6, 0x05c6),
            (0x05f3, 0x05f4),
            (0x0600, 0x0603),
            (0x0606, 0x060a),
            (0x060c, 0x060c),
            (0x0614, 0x0614),
            (0x061b, 0x061b),
            (0x061e, 0x061f),
            (0x066a, 0x066a),
            (0x066d, 0x066d),
            (0x06d4, 0x06d4),
            (0x0700, 0x070d),
            (0x07f6, 0x07f8),
            (0x0964, 0x0965),
            (0x0e4f, 0x0e4f),
            (0x1fbd, 0x1fbd),
            (0x2016, 0x2017),
            (0x2020, 0x2023),
            (0x2030, 0x2038),
            (0x203b, 0x203b),
            (0x203e, 0x2042),
            (0x207a, 0x207f),
            (0x208a, 0x208e),
            (0x2100, 0x214f),
            (0x2190, 0x2bff),
            (0x3002, 0x3002),
            (0x3012, 0x3012),
            (0x30fb, 0x30fb),
            (0xff01, 0xff0f),
            (0xff1a, 0xff20),
            (0xff3b, 0xff40),
            (0xff5b, 0xff65),
        ],
    ),
    (Kind::LongS, &[(0x017f, 0x017f)]),
    (Kind::DottedI, &[(0x0130, 0x0130)]),
    (Kind::DotlessI, &[(0x0131, 0x0131)]),
    (Kind::KelvinSign, &[(0x212a, 0x212a)]),
    (Kind::SoftHyphen, &[(0x00ad, 0x00ad)]),
    (Kind::NumberSeparator, &[(0x066b, 0x066c)]),
    (Kind::ScriptSign, &[(0x207a, 0x207b), (0x208a, 0x208b)]),
    (Kind::Superscript, &[(0x00b2, 0x00b3), (0x00b9, 0x00b9), (0x2070, 0x2070), (0x2074, 0x2079)]),
    (Kind::Subscript, &[(0x2080, 0x2089)]),
    (Kind::Fraction, &[(0x00bc, 0x00be), (0x2153, 0x215e)]),
    (Kind::FractionSlash, &[(0x2044, 0x2044)]),
    (
        Kind::Currency,
        &[
            (0x0080, 0x0080),
            (0x00a2, 0x00a5),
            (0x060b, 0x060b),
            (0x0e3f, 0x0e3f),
            (0x20a0, 0x20a0),
            (0x20a4, 0x20a4),
            (0x20ac, 0x20ac),
            (0xffe0, 0xffe1),
            (0xffe5, 0xffe6),
        ],
    ),
    (Kind::NoBreakSpace, &[(0x00a0, 0x00a0)]),
    (Kind::WideSpace, &[(0x2000, 0x200a), (0x3000, 0x3000)]),
    (Kind::LineBreak, &[(0x000b, 0x000b), (0x2028, 0x2029)]),
    (Kind::NextLine, &[(0x0085, 0x0085)]),
    (Kind::Dash, &[(0x0096, 0x0097), (0x2013, 0x2015)]),
    (Kind::Hyphen, &[(0x058a, 0x058a), (0x2010, 0x2011)]),
    (Kind::Ellipsis, &[(0x2026, 0x2026)]),
    (Kind::IdeographicComma, &[(0x3001, 0x3001)]),
    (Kind::RightQuote, &[(0x0092, 0x0092), (0x2019, 0x2019)]),
    (Kind::LeftQuote, &[(0x0091, 0x0091), (0x2018, 0x2018), (0x201b, 0x201b)]),
    (
        Kind::Quote,
        &[
            (0x0093, 0x0094),
            (0x00ab, 0x00ab),
            (0x00bb, 0x00bb),
            (0x201a, 0x201a),
            (0x201c, 0x201f),
            (0x2039, 0x203a),
        ],
    ),
    (Kind::RomanNumeral, &[(0x2160, 0x216f)]),
    (Kind::CircledCapital, &[(0x24b6, 0x24cf)]),
    (Kind::Invisible, &[(0x0000, 0x0000), (0x200b, 0x200b), (0x200e, 0x200f), (0xfeff, 0xfeff)]),
];
