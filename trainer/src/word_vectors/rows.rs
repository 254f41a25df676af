use super::layout::{Encoding, Layout, number};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, BufReader, Cursor, Read};

/// What is wrong with a file.
pub(super) type Reason = String;

/// The words of a file with their vectors, one after the other.
pub(super) struct Rows {
    layout: Layout,
    reader: Box<dyn BufRead>,
    /// Rows read so far.
    read: usize,
    /// The vector of the row that was read: text, or 32-bit floats.
    row: Vec<u8>,
    /// Euclidean lengths of the vectors that were looked at, without those of zeros.
    lengths: Vec<f64>,
}

/// Enough for some rows of any file.
const HEAD: u64 = 1 << 20;
/// No word is as long; what is has lost its end.
const LONGEST_WORD: u64 = 1 << 12;
/// Vectors that are looked at whatever their words are.
const LOOKED_AT: usize = 1_000;
/// Where the usual length of word vectors lies, with a wide margin. Text that is read as floats has lengths below.
const USUAL_LENGTHS: std::ops::RangeInclusive<f64> = 1e-3..=1e4;

impl Rows {
    pub fn open(mut file: impl BufRead + 'static) -> Result<Self, Reason> {
        let packed = file.fill_buf().map_err(reason)?.starts_with(&[0x1f, 0x8b]);
        let mut reader: Box<dyn BufRead> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
        // A byte order mark is no part of the first word.
        if reader.fill_buf().map_err(reason)?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
        }
        let mut head = Vec::new();
        reader.by_ref().take(HEAD).read_to_end(&mut head).map_err(reason)?;
        let layout = Layout::recognise(&head, (head.len() as u64) < HEAD)?;
        let mut head = Cursor::new(head);
        head.set_position(layout.header as u64);
        let reader = Box::new(head.chain(reader));
        Ok(Self { layout, reader, read: 0, row: Vec::new(), lengths: Vec::new() })
    }

    /// Numbers in a vector.
    pub fn dimension(&self) -> usize {
        self.layout.dimension
    }

    /// Reads the next row, and its word; false at the end.
    pub fn next(&mut self, word: &mut Vec<u8>) -> Result<bool, Reason> {
        word.clear();
        self.row.clear();
        if self.layout.count == Some(self.read) {
            return self.check_end();
        }
        let is_whole = match self.layout.encoding {
            Encoding::Text => self.next_line(word)?,
            Encoding::Binary => self.next_floats(word)?,
        };
        match (is_whole, self.layout.count) {
            (true, _) => self.read += 1,
            (false, None) => {}
            (false, Some(count)) => {
                return Err(format!("it is cut off after {} of {count} words", self.read));
            }
        }
        if is_whole && self.read <= LOOKED_AT {
            self.vector()?;
        }
        Ok(is_whole)
    }

    /// The last fields of a line are the numbers, and what stands before them is the word, blanks and all.
    fn next_line(&mut self, word: &mut Vec<u8>) -> Result<bool, Reason> {
        while self.row.trim_ascii().is_empty() {
            self.row.clear();
            if self.reader.read_until(b'\n', &mut self.row).map_err(reason)? == 0 {
                return Ok(false);
            }
        }
        let line = self.row.trim_ascii_end();
        let blanks = line.iter().enumerate().rev().filter(|(_, byte)| **byte == b' ');
        let end = blanks.map(|(place, _)| place).nth(self.layout.dimension - 1);
        let Some(end) = end.filter(|end| *end > 0) else {
            return Err(self.no_vector(self.read + 1));
        };
        word.extend(&line[..end]);
        self.row = line[end + 1..].to_vec();
        Ok(true)
    }

    fn next_floats(&mut self, word: &mut Vec<u8>) -> Result<bool, Reason> {
        self.reader.by_ref().take(LONGEST_WORD).read_until(b' ', word).map_err(reason)?;
        let has_end = word.pop() == Some(b' ');
        // The original program ends each vector with a line feed.
        if word.first() == Some(&b'\n') {
            word.remove(0);
        }
        let bytes = 4 * self.layout.dimension as u64;
        let read = self.reader.by_ref().take(bytes).read_to_end(&mut self.row).map_err(reason)?;
        Ok(has_end && read as u64 == bytes)
    }

    /// After the last word only blanks may follow: more means that the vectors have another size.
    fn check_end(&mut self) -> Result<bool, Reason> {
        let mut rest = Vec::new();
        self.reader.by_ref().take(LONGEST_WORD).read_to_end(&mut rest).map_err(reason)?;
        match rest.trim_ascii().is_empty() {
            true => Ok(false),
            false => Err(format!(
                "it goes on after the {} words of {} numbers that its first line says",
                self.read, self.layout.dimension
            )),
        }
    }

    /// The vector of the row that was read.
    pub fn vector(&mut self) -> Result<Vec<f32>, Reason> {
        let vector: Option<Vec<f32>> = match self.layout.encoding {
            Encoding::Binary => {
                Some(self.row.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
            }
            Encoding::Text => self.row.split(|&byte| byte == b' ').map(number).collect(),
        };
        let vector = vector.filter(|vector| vector.iter().all(|value| value.is_finite()));
        let vector = vector.ok_or_else(|| self.no_vector(self.read))?;
        let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            self.lengths.push(length);
        }
        Ok(vector)
    }

    /// Refuses numbers that are not word vectors: what is read in the wrong layout has other lengths.
    pub fn check_lengths(&mut self) -> Result<(), Reason> {
        self.lengths.sort_by(f64::total_cmp);
        match self.lengths.get(self.lengths.len() / 2) {
            Some(middle) if !USUAL_LENGTHS.contains(middle) => Err(format!(
                "half of its vectors are shorter than {middle:.1e}, half longer: they are not word vectors"
            )),
            _ => Ok(()),
        }
    }

    fn no_vector(&self, row: usize) -> Reason {
        format!("word {row} has no vector of {} numbers", self.layout.dimension)
    }
}

fn reason(error: std::io::Error) -> Reason {
    error.to_string()
}
