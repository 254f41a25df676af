//! Word vectors that were trained elsewhere, for a vocabulary.
//!
//! Two layouts are read: word2vec's binary one (GoogleNews-vectors-negative300.bin) and its text one, with the line
//! "WORDS DIMENSIONS" or, as GloVe writes it, without. Each may be compressed with gzip. The file is streamed:
//! only the vectors of the vocabulary are kept. gensim's `KeyedVectors` is the reference.

mod layout;
mod rows;

use crate::{Error, Result};
use glimpse_bundle::CaptionTokenizer;
use rows::{Reason, Rows};
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
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
    /// [`Error::Io`]; [`Error::WordVectors`] for a file that is cut off or goes on after its last word, has no
    /// numbers where they should be, another number of them than its first line says, numbers that are no word
    /// vectors, or none of the words.
    pub fn read(path: &Path, tokenizer: &CaptionTokenizer) -> Result<Self> {
        let words = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.id_to_word(id).unwrap_or_default());
        let words: Vec<String> = words.collect();
        let file = File::open(path).map_err(Error::io(path))?;
        let invalid = |reason| Error::WordVectors { path: path.to_path_buf(), reason };
        let found = Rows::open(BufReader::new(file)).and_then(|rows| find(rows, &words)).map_err(invalid)?;
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

/// The vectors of `words`, in their order.
fn find(mut rows: Rows, words: &[String]) -> Result<WordVectors, Reason> {
    let places: HashMap<&[u8], usize> =
        words.iter().enumerate().map(|(i, word)| (word.as_bytes(), i)).collect();
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; words.len()];
    let mut exact = vec![false; words.len()];
    let mut word = Vec::new();
    while rows.next(&mut word)? {
        if let Some(&place) = places.get(&word[..]) {
            if !exact[place] {
                vectors[place] = Some(rows.vector()?);
                exact[place] = true;
            }
        } else if let Some(&place) = places.get(String::from_utf8_lossy(&word).to_lowercase().as_bytes())
            && vectors[place].is_none()
        {
            vectors[place] = Some(rows.vector()?);
        }
    }
    rows.check_lengths()?;
    let other_case = vectors.iter().zip(&exact).filter(|(vector, exact)| vector.is_some() && !**exact);
    Ok(WordVectors { dimension: rows.dimension(), other_case: other_case.count(), vectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read(file: &[u8]) -> Result<WordVectors, Reason> {
        let words = ["<pad>", "dog", "frisbee", "."].map(String::from);
        Rows::open(Cursor::new(file.to_vec())).and_then(|rows| find(rows, &words))
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

    /// Where the first words have blanks or are numbers, the other rows say what is a word.
    #[test]
    fn text_is_text_whatever_its_words_are() {
        for (kind, file) in [
            ("a header, then a word with a blank", "4 2\nNew York 3 4\n. 5 6\ndog 1 2\ncat 7 8\n"),
            ("no header, a word with a blank", "New York 3 4\n. 5 6\ndog 1 2\n"),
            ("a word that ends in a number", "4 2\nroom 101 3 4\n. 5 6\ndog 1 2\ncat 7 8\n"),
            ("words that are numbers", "4 2\n7 3 4\n. 5 6\ndog 1 2\n101 7 8\n"),
            ("the same without a header", "7 3 4\n. 5 6\ndog 1 2\n101 7 8\n"),
            ("a header, all words with blanks but ours", "5 2\na b 3 4\nc d 3 4\ne f 3 4\n. 5 6\ndog 1 2\n"),
            ("blanks and Windows ends of lines", "3 2 \r\nNew York 3 4 \r\n. 5 6 \r\ndog 1 2 \r\n"),
        ] {
            let found = read(file.as_bytes()).unwrap_or_else(|reason| panic!("{kind}: {reason}"));
            assert_eq!(found.dimension, 2, "{kind}");
            assert_eq!(found.vectors, [None, Some(vec![1.0, 2.0]), None, Some(vec![5.0, 6.0])], "{kind}");
        }
        // Bytes that are not UTF-8 in another's word.
        assert_eq!(read(b"2 2\ncaf\xe9 3 4\ndog 1 2\n").unwrap().covered(), 1);
    }

    /// The fault file, whose 27 words are all of the vocabulary but its four special ones.
    #[test]
    fn a_text_file_whose_first_word_has_a_blank_is_read_as_text() {
        let file = include_bytes!("../../tests/word_vectors/text-header-first-word-with-blank.txt");
        let words = "<pad> <sos> <eos> <unk> a dog runs across the grass . two dogs are playing in snow man red \
                     shirt stands on beach child climbs rock woman is smiling at camera";
        let words: Vec<_> = words.split(' ').map(String::from).collect();
        let found = Rows::open(Cursor::new(file.to_vec())).and_then(|rows| find(rows, &words)).unwrap();
        assert_eq!((words.len(), found.covered(), found.dimension), (31, 27, 8));
        assert_eq!(found.vectors[4].as_ref().unwrap()[..2], [0.12573, -0.1321]);
    }

    /// Written and read by gensim: `python trainer/tests/word_vectors/generate.py`.
    #[test]
    fn both_layouts_are_read_as_gensim_reads_them() {
        let golden = include_str!("../../tests/word_vectors/golden.json");
        let golden: std::collections::BTreeMap<String, Vec<f32>> = serde_json::from_str(golden).unwrap();
        let words: Vec<_> = golden.keys().cloned().collect();
        for file in [
            &include_bytes!("../../tests/word_vectors/golden.bin")[..],
            &include_bytes!("../../tests/word_vectors/golden.txt")[..],
        ] {
            let found = Rows::open(Cursor::new(file.to_vec())).and_then(|rows| find(rows, &words)).unwrap();
            assert_eq!((found.covered(), found.other_case, found.dimension), (10, 0, 6));
            for (word, vector) in words.iter().zip(found.vectors) {
                assert_eq!(vector.as_ref(), Some(&golden[word]), "{word}");
            }
        }
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
            (b"4 2\ncat 1 2\ndog 3 4\n. 5 6\nin 7\n", "word 4 has no vector of 2 numbers"),
            (b"3 2\ncat 1 2 3\ndog 3 4 5\n. 5 6 7\n", "vectors of 2 numbers, and its rows have 3"),
            (b"3 4\ncat 1 2 3\ndog 3 4 5\n. 5 6 7\n", "vectors of 4 numbers, and its rows have 3"),
            (b"1 2\ncat 1 2\ndog 3 4\n", "goes on after the 1 words"),
            (b"cat 1 2\ndog 1e-20 1e-20\n. 1e-20 1e-20\n", "are not word vectors"),
            (b"cat 1 2\ndog 3e38 3e38\n. 3e38 1\n", "are not word vectors"),
            (b"cat 1 2\ndog 3 inf\n", "word 2 has no vector of 2 numbers"),
            (&[&whole[..], &whole[4..]].concat(), "goes on after the 2 words"),
            (&[b"2 3", &whole[3..]].concat(), "cut off"),
            (&[b"2 1", &whole[3..]].concat(), "word"),
            (&binary("", &[("cat", [1e-12, 1e-12]), ("dog", [3e-12, 1e-12])]), "are not word vectors"),
            (
                b"4 2\nOnce upon a time\nthere was a dog\nin the woods\n.\n",
                "neither word2vec's binary nor its text layout",
            ),
        ] {
            let error = read(file).unwrap_err();
            assert!(error.contains(expected), "{error:?}, expected {expected:?}");
        }
    }
}
