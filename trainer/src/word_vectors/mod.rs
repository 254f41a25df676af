//! Word vectors that were trained elsewhere, for a vocabulary.
//!
//! Read are word2vec's binary layout (GoogleNews-vectors-negative300.bin) and its text layout, with the line
//! "WORDS DIMENSIONS" or, as GloVe writes it, without; each may be compressed with gzip. The file is streamed:
//! only the vectors of the vocabulary are kept.

use crate::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use glimpse_bundle::CaptionTokenizer;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

/// Vectors of the words of a vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct WordVectors {
    /// Numbers in a vector.
    pub dimension: usize,
    /// By word id; `None` for words that the file does not hold.
    pub vectors: Vec<Option<Vec<f32>>>,
    /// Words that the file holds with other capitals only, as "Frisbee" for "frisbee".
    pub other_case: usize,
}

impl WordVectors {
    /// Reads the vectors of the tokenizer's words; what the file spells differently counts where it lacks the
    /// exact word.
    ///
    /// # Errors
    /// A file that is cut off, holds no numbers where they should be, or none of the words.
    pub fn read(path: &Path, tokenizer: &CaptionTokenizer) -> Result<Self> {
        let words = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.id_to_word(id).unwrap_or_default());
        let words: Vec<String> = words.collect();
        let file = File::open(path).map_err(Error::io(path))?;
        let invalid = |reason| Error::WordVectors { path: path.to_path_buf(), reason };
        let found = Rows::open(BufReader::new(file)).and_then(|rows| rows.of(&words)).map_err(invalid)?;
        if found.covered() == 0 {
            return Err(invalid("it holds none of the vocabulary's words".into()));
        }
        Ok(found)
    }

    /// Words that have a vector.
    pub fn covered(&self) -> usize {
        self.vectors.iter().flatten().count()
    }
}

impl std::fmt::Display for WordVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (covered, words) = (self.covered(), self.vectors.len());
        write!(
            f,
            "word vectors of {} dimensions for {covered} of {words} words ({:.1} %), {} of them spelt with other \
             capitals; the others begin at random",
            self.dimension,
            100.0 * covered as f64 / words as f64,
            self.other_case
        )
    }
}

/// What is wrong with a file.
type Reason = String;

enum Layout {
    Text,
    Binary,
}

/// The words of a file with their vectors, one after the other.
struct Rows {
    layout: Layout,
    dimension: usize,
    /// As the first line says; GloVe has none.
    count: Option<usize>,
    reader: Box<dyn BufRead>,
    /// Rows read so far.
    read: usize,
    row: Vec<u8>,
}

/// Enough for the first lines of any file.
const HEAD: u64 = 1 << 16;
/// No word is as long; what is has lost its end.
const LONGEST_WORD: u64 = 1 << 12;

impl Rows {
    fn open(mut file: impl BufRead + 'static) -> Result<Self, Reason> {
        let packed = file.fill_buf().map_err(reason)?.starts_with(&[0x1f, 0x8b]);
        let mut reader: Box<dyn BufRead> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
        // A byte order mark is no part of the first word.
        if reader.fill_buf().map_err(reason)?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
        }
        let mut head = Vec::new();
        reader.by_ref().take(HEAD).read_to_end(&mut head).map_err(reason)?;

        let mut lines = head.splitn(3, |&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let (layout, dimension, count, skipped) = match sizes(first) {
            Some((count, dimension)) => {
                let text = lines.next().is_some_and(|line| text_row(line, dimension).is_some());
                let layout = if text { Layout::Text } else { Layout::Binary };
                (layout, dimension, Some(count), first.len() + 1)
            }
            None => {
                let dimension = first.split(|&byte| byte == b' ').count().saturating_sub(1);
                text_row(first, dimension).ok_or("it is neither word2vec's binary nor its text layout")?;
                (Layout::Text, dimension, None, 0)
            }
        };
        if dimension == 0 {
            return Err("its vectors have no numbers".into());
        }
        let mut head = Cursor::new(head);
        head.set_position(skipped as u64);
        Ok(Self { layout, dimension, count, reader: Box::new(head.chain(reader)), read: 0, row: Vec::new() })
    }

    /// The vectors of `words`, in their order.
    fn of(mut self, words: &[String]) -> Result<WordVectors, Reason> {
        let places: HashMap<&[u8], usize> =
            words.iter().enumerate().map(|(i, word)| (word.as_bytes(), i)).collect();
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; words.len()];
        let mut exact = vec![false; words.len()];
        let mut word = Vec::new();
        while self.next(&mut word)? {
            if let Some(&place) = places.get(&word[..]) {
                if !exact[place] {
                    vectors[place] = self.vector()?.or(vectors[place].take());
                    exact[place] = vectors[place].is_some();
                }
            } else if let Some(&place) = places.get(String::from_utf8_lossy(&word).to_lowercase().as_bytes())
                && vectors[place].is_none()
            {
                vectors[place] = self.vector()?;
            }
        }
        let other_case = vectors.iter().zip(&exact).filter(|(vector, exact)| vector.is_some() && !**exact);
        Ok(WordVectors { dimension: self.dimension, other_case: other_case.count(), vectors })
    }

    /// Reads the next row, and its word; false at the end.
    fn next(&mut self, word: &mut Vec<u8>) -> Result<bool, Reason> {
        if self.count == Some(self.read) {
            return Ok(false);
        }
        word.clear();
        self.row.clear();
        let whole = match self.layout {
            Layout::Text => {
                self.reader.read_until(b'\n', &mut self.row).map_err(reason)?;
                word.extend(self.row.split(|&byte| byte == b' ').next().unwrap_or_default());
                !self.row.is_empty()
            }
            Layout::Binary => {
                self.reader.by_ref().take(LONGEST_WORD).read_until(b' ', word).map_err(reason)?;
                let ended = word.pop() == Some(b' ');
                // The original program ends each vector with a line feed.
                if word.first() == Some(&b'\n') {
                    word.remove(0);
                }
                let bytes = 4 * self.dimension as u64;
                let read = self.reader.by_ref().take(bytes).read_to_end(&mut self.row).map_err(reason)?;
                ended && read as u64 == bytes
            }
        };
        match (whole, self.count) {
            (true, _) => self.read += 1,
            (false, None) => {}
            (false, Some(count)) => {
                return Err(format!("it is cut off after {} of {count} words", self.read));
            }
        }
        Ok(whole)
    }

    /// The vector of the row that was read; `None` where its word has blanks, and so is none of ours.
    fn vector(&self) -> Result<Option<Vec<f32>>, Reason> {
        let vector = match self.layout {
            Layout::Binary => self.row.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Layout::Text => match text_row(&self.row, self.dimension) {
                Some(vector) => vector,
                None if self.row.trim_ascii_end().split(|&byte| byte == b' ').count()
                    > self.dimension + 1 =>
                {
                    return Ok(None);
                }
                None => vec![f32::NAN],
            },
        };
        if vector.iter().all(|value| value.is_finite()) {
            return Ok(Some(vector));
        }
        Err(format!("word {} has no vector of {} numbers", self.read, self.dimension))
    }
}

fn reason(error: std::io::Error) -> Reason {
    error.to_string()
}

/// "3000000 300"
fn sizes(line: &[u8]) -> Option<(usize, usize)> {
    let mut fields = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(Ok(count)), Some(Ok(dimension)), None) => Some((count, dimension)),
        _ => None,
    }
}

/// The numbers after the word, where there are as many as `dimension`.
fn text_row(line: &[u8], dimension: usize) -> Option<Vec<f32>> {
    let mut fields = std::str::from_utf8(line).ok()?.trim_end().split(' ');
    fields.next()?;
    let vector: Vec<f32> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    (vector.len() == dimension).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<WordVectors, Reason> {
        let words = ["<pad>", "dog", "frisbee", "."].map(String::from);
        Rows::open(Cursor::new(file.to_vec())).and_then(|rows| rows.of(&words))
    }

    fn binary(end: &str, rows: &[(&str, [f32; 2])]) -> Vec<u8> {
        let mut file = format!("{} 2\n", rows.len()).into_bytes();
        for (word, vector) in rows {
            file.extend(format!("{word} ").bytes());
            file.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            file.extend(end.bytes());
        }
        file
    }

    #[test]
    fn every_layout_gives_the_same_vectors() {
        let rows =
            [("</s>", [9.0, 9.0]), ("Frisbee", [1.5, -2.0]), ("Dog", [8.0, 8.0]), ("dog", [0.25, 1e-3])];
        let text = "</s> 9 9\nFrisbee 1.5 -2\nDog 8 8\ndog 0.25 1e-3 \n";
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &binary("\n", &rows)).unwrap();
        let files = [
            binary("", &rows),
            binary("\n", &rows),
            packed.finish().unwrap(),
            text.as_bytes().to_vec(),
            format!("4 2\n{text}").into_bytes(),
        ];
        for file in files {
            let found = read(&file).unwrap();
            assert_eq!(found.vectors, [None, Some(vec![0.25, 1e-3]), Some(vec![1.5, -2.0]), None]);
            assert_eq!((found.dimension, found.covered(), found.other_case), (2, 2, 1));
        }
    }

    #[test]
    fn a_word_with_blanks_is_none_of_ours() {
        let found = read(b"dog 1 2\n. . . 3 4\n. 5 6\n").unwrap();
        assert_eq!(found.vectors[3], Some(vec![5.0, 6.0]));
    }

    #[test]
    fn a_broken_file_is_refused_with_its_reason() {
        let whole = binary("\n", &[("cat", [1.0, 2.0]), ("dog", [3.0, 4.0])]);
        for (file, expected) in [
            (&whole[..whole.len() - 4], "cut off after 1 of 2 words"),
            (b"3 2\ncat 1 2\ndog 3 4\n", "cut off after 2 of 3 words"),
            (b"cat 1 2\ndog 3\n", "word 2 has no vector of 2 numbers"),
            (b"cat 1 2\ndog 3 x\n", "word 2 has no vector of 2 numbers"),
            (&binary("", &[("dog", [f32::NAN, 1.0])]), "word 1 has no vector of 2 numbers"),
            (b"\x89PNG\r\n", "neither word2vec's binary nor its text layout"),
            (b"", "no numbers"),
        ] {
            let error = read(file).unwrap_err();
            assert!(error.contains(expected), "{error:?}, expected {expected:?}");
        }
    }
}
