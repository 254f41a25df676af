//! Weights in eight bits.

/// Largest magnitude of a weight: symmetric, so that -128 is left out.
const LARGEST: f32 = 127.0;

/// Where two neighbours of the same sign may add up to, before rounding.
///
/// Processors with AVX2 but no VNNI multiply u8 by s8 in pairs and add the two products in 16 bits,
/// which saturate: 255 (w1 + w2) stays below 2^15 while |w1 + w2| is at most 128. Halving all weights
/// (`reduce_range`) is the usual remedy and costs a bit of each; two large neighbours of one sign
/// are rare, so that this bound costs next to nothing.
const LARGEST_PAIR: f32 = 127.5;

/// Rows of weights in s8, each with a scale of its own: weight = scale x number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Int8Rows {
    /// In the order of the weights.
    pub numbers: Vec<i8>,
    /// One for each row.
    pub scales: Vec<f32>,
}

impl Int8Rows {
    /// Quantises `rows` rows, one for each output.
    ///
    /// Within a row, the weights are [inputs, positions] (a kernel's cells; 1 for a matrix). ONNX
    /// Runtime multiplies them in the order [positions, inputs], which makes the pairs.
    pub fn new(weights: &[f32], rows: usize, positions: usize) -> Self {
        Self::with_scales_above(&vec![0.0; rows], weights, positions)
    }

    /// [`new`](Self::new), where the scale of each row is at least that of `least`.
    pub fn with_scales_above(least: &[f32], weights: &[f32], positions: usize) -> Self {
        let width = weights.len() / least.len().max(1);
        let mut numbers = Vec::with_capacity(weights.len());
        let mut scales = Vec::with_capacity(least.len());
        for (row, &least) in weights.chunks_exact(width.max(1)).zip(least) {
            let scale = scale(row, positions).max(least);
            numbers.extend(row.iter().map(|weight| (weight / scale).round().clamp(-LARGEST, LARGEST) as i8));
            scales.push(scale);
        }
        Self { numbers, scales }
    }

    /// The numbers with rows and columns exchanged, as bytes.
    pub fn transposed(&self) -> Vec<u8> {
        let (rows, width) = (self.scales.len(), self.numbers.len() / self.scales.len().max(1));
        let at = |column: usize, row: usize| self.numbers[row * width + column] as u8;
        (0..width).flat_map(|column| (0..rows).map(move |row| at(column, row))).collect()
    }

    /// The numbers as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.numbers.iter().map(|&number| number as u8).collect()
    }
}

fn scale(row: &[f32], positions: usize) -> f32 {
    let largest = row.iter().fold(0f32, |largest, weight| largest.max(weight.abs()));
    let inputs = row.len() / positions;
    // One input per output is a depthwise convolution, which is not computed in pairs.
    let pairs = if inputs == 1 { 0 } else { row.len().div_ceil(2) };
    let multiplied = |index: usize| {
        let (position, input) = (index / inputs, index % inputs);
        if index < row.len() { row[input * positions + position] } else { 0.0 }
    };
    let largest_pair = (0..pairs).fold(0f32, |largest, pair| {
        let (one, other) = (multiplied(2 * pair), multiplied(2 * pair + 1));
        let sum = (one.max(0.0) + other.max(0.0)).max((-one).max(0.0) + (-other).max(0.0));
        largest.max(sum)
    });
    // A row of zeros has any scale.
    (largest / LARGEST).max(largest_pair / LARGEST_PAIR).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::Int8Rows;

    #[test]
    fn every_row_has_its_own_scale() {
        let rows = Int8Rows::new(&[0.5, -1.0, 4.0, 1.0, 0.0, 0.0], 3, 2);
        assert_eq!(rows.scales[..2], [1.0 / 127.0, 4.0 / 127.0]);
        assert_eq!(rows.numbers, [64, -127, 127, 32, 0, 0]);
        assert_eq!(rows.transposed(), [64, 127, 0, 129, 32, 0]);
    }

    #[test]
    fn a_scale_may_be_larger_than_the_weights_need() {
        let rows = Int8Rows::with_scales_above(&[0.5, 0.0], &[1.0, 1e-9, 1.0, 1e-9], 1);
        assert_eq!((rows.scales[0], &rows.numbers[..2]), (0.5, &[2, 0][..]));
        assert_eq!(rows.scales[1], 1.0 / 127.0);
    }

    /// What AVX2 computes with the largest u8 fits 16 bits, whatever the weights.
    #[test]
    fn pairs_never_saturate_sixteen_bits() {
        // [inputs, positions] = [3, 2]: multiplied in the order 0 2 4 1 3 5.
        for weights in [[1.0, -3.0, 1.0, -3.0, 1.0, 3.0], [2.0, 2.0, 2.0, -2.0, 2.0, 2.0], [0.1; 6]] {
            let rows = Int8Rows::new(&weights, 1, 2);
            let order = [0, 2, 4, 1, 3, 5].map(|index| i32::from(rows.numbers[index]));
            for pair in order.as_chunks::<2>().0 {
                let positive: i32 = pair.iter().map(|weight| 255 * weight.max(&0)).sum();
                let negative: i32 = pair.iter().map(|weight| 255 * weight.min(&0)).sum();
                assert!(i16::try_from(positive).is_ok() && i16::try_from(negative).is_ok(), "{order:?}");
            }
            for (number, weight) in rows.numbers.iter().zip(weights) {
                assert!((f32::from(*number) * rows.scales[0] - weight).abs() <= rows.scales[0] / 2.0 + 1e-6);
            }
        }
    }

    #[test]
    fn a_large_weight_beside_a_small_one_keeps_all_eight_bits() {
        let rows = Int8Rows::new(&[1.0, 0.003, -1.0, 0.9], 1, 1);
        assert_eq!(rows.numbers[0], 127);
    }
}
