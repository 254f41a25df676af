//! The thread that owns the network.

use super::{Found, Searches};
use crate::metrics;
use crate::options::Asked;
use glimpse_bundle::{Size, with_causes};
use glimpse_runtime::{Captioner, Error, Milliseconds};
use ndarray::ArrayView4;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Tokens that a trace has for each row: the one that was taken and five others.
const ALTERNATIVES: usize = 6;

/// A photo to caption.
#[derive(Debug)]
pub(super) struct Job {
    /// f32 [3, height, width]
    pub(super) pixel_values: Vec<f32>,
    pub(super) asked: Arc<Asked>,
    pub(super) answer: oneshot::Sender<Result<Searches, String>>,
    /// When it was admitted.
    pub(super) queued: Instant,
    pub(super) _place: OwnedSemaphorePermit,
    /// Given back once the photo's batch begins.
    pub(super) ahead: Option<OwnedSemaphorePermit>,
}

/// How long a photo takes, as a running mean over batches.
#[derive(Debug, Default)]
pub(super) struct Pace {
    nanoseconds: AtomicU64,
}

impl Pace {
    fn note(&self, photos: usize, took: Duration) {
        let photo = (took.as_nanos() / photos.max(1) as u128) as u64;
        let mean = match self.nanoseconds.load(Ordering::Relaxed) {
            0 => photo,
            mean => (7 * mean + photo) / 8,
        };
        self.nanoseconds.store(mean, Ordering::Relaxed);
    }

    /// Whole seconds that so many photos take, at least one.
    pub(super) fn seconds(&self, photos: usize) -> u64 {
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed).saturating_mul(photos as u64);
        nanoseconds.div_ceil(1_000_000_000).max(1)
    }
}

pub(super) struct Worker {
    captioner: Arc<Captioner>,
    batch_size: usize,
    pace: Arc<Pace>,
}

impl Worker {
    pub(super) fn new(captioner: Arc<Captioner>, batch_size: usize, pace: Arc<Pace>) -> Self {
        Self { captioner, batch_size, pace }
    }

    /// Captions until nobody can send photos any more and all that were sent are answered.
    pub(super) fn run(self, jobs: &Receiver<Job>) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                let Ok(job) = jobs.recv() else { return };
                waiting.push_back(job);
            }
            waiting.extend(jobs.try_iter());
            let before = waiting.len();
            waiting.retain(|job| !job.answer.is_closed());
            metrics::abandoned(before - waiting.len());
            let batch = take_batch(&mut waiting, self.batch_size);
            if !batch.is_empty() {
                self.answer(batch);
            }
        }
    }

    fn answer(&self, mut batch: Vec<Job>) {
        batch.iter_mut().for_each(|job| job.ahead = None);
        let start = Instant::now();
        metrics::batch(batch.iter().map(|job| start - job.queued));
        // A batch that makes the network panic fails alone.
        let result = catch_unwind(AssertUnwindSafe(|| self.caption(&batch)));
        let result = match result {
            Ok(result) => result.map_err(|error| with_causes(&error)),
            Err(_) => Err("the network failed unexpectedly".into()),
        };
        let photos = match result {
            Ok(photos) => photos,
            Err(error) => {
                tracing::error!(photos = batch.len(), error, "a batch failed");
                for job in batch {
                    let _ = job.answer.send(Err(error.clone()));
                }
                return;
            }
        };
        let captions = photos.iter().flatten().flat_map(|found| &found.captions);
        metrics::batch_done(start.elapsed(), captions.map(|caption| caption.token_ids.len()).sum());
        self.pace.note(batch.len(), start.elapsed());
        for (job, searches) in batch.into_iter().zip(photos) {
            // The client may have left in the meantime.
            let _ = job.answer.send(Ok(searches));
        }
    }

    /// The captions of each photo, in each way: encoded once.
    fn caption(&self, batch: &[Job]) -> Result<Vec<Searches>, Error> {
        let Size { height, width } = self.captioner.preprocessor().config().output_size();
        let (height, width) = (height as usize, width as usize);
        let pixel_values: Vec<f32> = batch.iter().flat_map(|job| &job.pixel_values).copied().collect();
        let shape = (batch.len(), 3, height, width);
        let pixel_values = ArrayView4::from_shape(shape, &pixel_values).map_err(|_| Error::PixelValues {
            found: vec![pixel_values.len()],
            expected: [3, height, width],
        })?;
        let share = |start: Instant| start.elapsed().as_secs_f64() * 1000.0 / batch.len() as f64;
        let start = Instant::now();
        let encoded = self.captioner.encode_pixel_values(pixel_values)?;
        let encoder = share(start);
        let mut photos: Vec<Searches> = batch.iter().map(|_| Vec::new()).collect();
        for options in &batch[0].asked.searches {
            let start = Instant::now();
            let found: Vec<_> = if batch[0].asked.trace {
                let found = self.captioner.decode_traced(&encoded, options, ALTERNATIVES)?;
                found.into_iter().map(|(captions, trace)| (captions, Some(trace))).collect()
            } else {
                let found = self.captioner.decode(&encoded, options)?;
                found.into_iter().map(|captions| (captions, None)).collect()
            };
            let milliseconds = Milliseconds { encoder, search: share(start) };
            for (photo, (captions, trace)) in photos.iter_mut().zip(found) {
                photo.push(Found { captions, milliseconds, trace });
            }
        }
        Ok(photos)
    }
}

/// Takes the job that has waited longest, and those that are searched in the same way, in their order.
fn take_batch(waiting: &mut VecDeque<Job>, batch_size: usize) -> Vec<Job> {
    let mut batch: Vec<Job> = waiting.pop_front().into_iter().collect();
    let mut place = 0;
    while batch.len() < batch_size && place < waiting.len() {
        if waiting[place].asked.runs_like(&batch[0].asked) {
            batch.extend(waiting.remove(place));
        } else {
            place += 1;
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_runtime::GenerationConfig;
    use tokio::sync::Semaphore;

    fn job(num_beams: usize, number: f32) -> Job {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Job {
            pixel_values: vec![number],
            asked: Arc::new(Asked {
                searches: vec![GenerationConfig::default().with_num_beams(num_beams)],
                is_list: false,
                trace: false,
                timings: false,
            }),
            answer: oneshot::channel().0,
            queued: Instant::now(),
            _place: place,
            ahead: None,
        }
    }

    #[test]
    fn a_batch_is_the_oldest_job_and_others_with_its_options() {
        let widths = [5, 1, 5, 5, 1, 5];
        let mut waiting: VecDeque<_> =
            widths.iter().enumerate().map(|(number, width)| job(*width, number as f32)).collect();
        let mut take =
            || -> Vec<f32> { take_batch(&mut waiting, 3).iter().map(|job| job.pixel_values[0]).collect() };
        assert_eq!(take(), [0.0, 2.0, 3.0]);
        assert_eq!(take(), [1.0, 4.0]);
        assert_eq!(take(), [5.0]);
        assert!(take().is_empty());
    }

    #[test]
    fn the_pace_says_when_a_queue_is_empty() {
        let pace = Pace::default();
        assert_eq!(pace.seconds(256), 1, "nothing is known yet");
        pace.note(8, Duration::from_millis(80));
        assert_eq!(pace.seconds(256), 3);
        for _ in 0..100 {
            pace.note(8, Duration::from_millis(800));
        }
        assert!((24..=26).contains(&pace.seconds(256)), "{}", pace.seconds(256));
    }
}
