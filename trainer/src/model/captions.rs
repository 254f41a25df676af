use glimpse_bundle::{BOS_ID, EOS_ID};
use tch::{Device, Kind, Tensor};

/// Captions of a batch laid out so that no step works on padding: rows sorted by length, longest
/// first, and all tokens in one list, step after step.
#[derive(Debug)]
pub struct CaptionBatch {
    /// `i64 [rows]`: the photo of each row, an index into the batch's grid.
    pub image_of_row: Tensor,
    /// Rows that still have a token at each step; never grows.
    pub active: Vec<i64>,
    /// `i64 [tokens]`: what the decoder reads, `<sos>` first.
    pub input_ids: Tensor,
    /// `i64 [tokens]`: what it should predict, `<eos>` last.
    pub targets: Tensor,
    /// The place that each row had among the captions given.
    pub order: Vec<usize>,
}

impl CaptionBatch {
    /// From (photo, token ids, ended); the ids come without `<sos>` and `<eos>`. A caption that has not ended was cut,
    /// and gets no `<eos>` to learn.
    pub fn new(captions: &[(usize, &[u32], bool)], device: Device) -> Self {
        let length = |i: usize| captions[i].1.len() + usize::from(captions[i].2);
        let mut order: Vec<usize> = (0..captions.len()).filter(|&i| length(i) > 0).collect();
        // Stable: the same captions always give the same batch.
        order.sort_by_key(|&i| std::cmp::Reverse(length(i)));
        let steps = order.first().map_or(0, |&i| length(i));
        let (mut active, mut input_ids, mut targets) = (Vec::with_capacity(steps), Vec::new(), Vec::new());
        for step in 0..steps {
            let rows = order.partition_point(|&i| length(i) > step);
            active.push(rows as i64);
            for &i in &order[..rows] {
                let words = captions[i].1;
                input_ids.push(i64::from(if step == 0 { BOS_ID } else { words[step - 1] }));
                targets.push(i64::from(words.get(step).copied().unwrap_or(EOS_ID)));
            }
        }
        let image_of_row: Vec<i64> = order.iter().map(|&i| captions[i].0 as i64).collect();
        Self {
            image_of_row: Tensor::from_slice(&image_of_row).to_device(device),
            active,
            input_ids: Tensor::from_slice(&input_ids).to_device(device),
            targets: Tensor::from_slice(&targets).to_device(device),
            order,
        }
    }

    /// The same captions, read partly as by a decoder that reads its own tokens: each token after `<sos>` is replaced,
    /// with probability `share`, by that of `predictions`, `i64 [tokens]` (scheduled sampling, Bengio
    /// et al. 2015, in the two passes of Mihaylova and Martins 2019).
    pub fn with_predictions(&self, predictions: &Tensor, share: f64) -> Self {
        let first = self.active.first().copied().unwrap_or(0);
        // The token read at a step is a step earlier among the predictions.
        let mut sources: Vec<i64> = Vec::with_capacity(self.tokens() as usize);
        let mut offset = 0;
        for pair in self.active.windows(2) {
            sources.extend(offset..offset + pair[1]);
            offset += pair[0];
        }
        let sources = Tensor::from_slice(&sources).to_device(predictions.device());
        let true_words = self.input_ids.slice(0, first, None, 1);
        let replaced = Tensor::rand(sources.size(), (Kind::Float, predictions.device())).lt(share);
        let read = predictions.index_select(0, &sources).where_self(&replaced, &true_words);
        Self {
            image_of_row: self.image_of_row.shallow_clone(),
            active: self.active.clone(),
            input_ids: Tensor::cat(&[self.input_ids.narrow(0, 0, first), read], 0),
            targets: self.targets.shallow_clone(),
            order: self.order.clone(),
        }
    }

    /// Tokens to predict.
    pub fn tokens(&self) -> i64 {
        self.active.iter().sum()
    }

    /// `f32 [tokens]`: one value a caption, in the order given to `new`, for each of its tokens.
    pub fn spread(&self, values: &[f32]) -> Tensor {
        let per_word: Vec<f32> = self
            .active
            .iter()
            .flat_map(|&rows| self.order[..rows as usize].iter().map(|&i| values[i]))
            .collect();
        Tensor::from_slice(&per_word).to_device(self.targets.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_take_the_place_of_the_words_that_they_predict() {
        let captions: [(usize, &[u32], bool); 2] = [(0, &[7, 8, 9], true), (1, &[5], true)];
        let batch = CaptionBatch::new(&captions, Device::Cpu);
        let ids = |tensor: &Tensor| Vec::<i64>::try_from(tensor).unwrap();
        assert_eq!(ids(&batch.input_ids), [1, 1, 7, 5, 8, 9]);
        let predictions = Tensor::from_slice(&[20_i64, 21, 22, 23, 24, 25]);
        assert_eq!(ids(&batch.with_predictions(&predictions, 0.0).input_ids), ids(&batch.input_ids));
        let read = batch.with_predictions(&predictions, 1.0);
        assert_eq!(ids(&read.input_ids), [1, 1, 20, 21, 22, 24]);
        assert_eq!(ids(&read.targets), ids(&batch.targets));
    }

    #[test]
    fn words_are_laid_out_step_by_step_without_padding() {
        let captions: [(usize, &[u32], bool); 3] = [(0, &[7], true), (1, &[8, 9], true), (1, &[5, 6], false)];
        let batch = CaptionBatch::new(&captions, Device::Cpu);
        assert_eq!(batch.order, [1, 0, 2]);
        assert_eq!(batch.active, [3, 3, 1]);
        let ids = |tensor: &Tensor| Vec::<i64>::try_from(tensor).unwrap();
        assert_eq!(ids(&batch.image_of_row), [1, 0, 1]);
        assert_eq!(ids(&batch.input_ids), [1, 1, 1, 8, 7, 5, 9]);
        assert_eq!(ids(&batch.targets), [8, 7, 5, 9, 2, 6, 2]);
        assert_eq!(
            Vec::<f32>::try_from(batch.spread(&[0.5, 1.0, 2.0])).unwrap(),
            [1.0, 0.5, 2.0, 1.0, 0.5, 2.0, 1.0]
        );
    }
}
