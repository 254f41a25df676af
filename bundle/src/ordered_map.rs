use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, JoinHandle, Scope};

/// An iterator whose items are mapped on several threads, ahead of their use and in their order.
///
/// At most `window` items are in work or wait to be taken, so that a slow consumer holds the threads back. Each
/// thread takes the next item as soon as it is free: a slow item delays the results behind it, but not the work on
/// them. The source is read on the consumer's thread.
///
/// A panic of the work goes on in the consumer, when it takes that result. Dropping the iterator waits for the items
/// that are in work.
pub struct OrderedMap<I: Iterator, R> {
    items: I,
    window: usize,
    /// `None` once the threads should end.
    jobs: Option<Sender<Job<I::Item, R>>>,
    waiting: VecDeque<Receiver<thread::Result<R>>>,
    threads: Vec<JoinHandle<()>>,
}

/// An item, and where its result goes.
type Job<T, R> = (T, Sender<thread::Result<R>>);

/// Takes items until there are no more.
fn work_on<T, R>(queue: &Receiver<Job<T, R>>, work: impl Fn(T) -> R) {
    for (item, result) in queue {
        // The consumer may be gone.
        let _ = result.send(catch_unwind(AssertUnwindSafe(|| work(item))));
    }
}

impl<I, R> OrderedMap<I, R>
where
    I: Iterator,
    I::Item: Send,
    R: Send,
{
    /// Starts `threads` threads (1 at least) and the work on the first items.
    pub fn new(
        items: I,
        threads: usize,
        window: usize,
        work: impl Fn(I::Item) -> R + Clone + Send + 'static,
    ) -> Self
    where
        I::Item: 'static,
        R: 'static,
    {
        let (mut map, queue) = Self::idle(items, threads, window);
        let start = |_| {
            let (queue, work) = (queue.clone(), work.clone());
            thread::spawn(move || work_on(&queue, work))
        };
        map.threads = (0..threads.max(1)).map(start).collect();
        map.fill();
        map
    }

    /// [`new`](Self::new) for work that borrows: the threads belong to `scope`, which waits for them. Drop the
    /// iterator inside the scope.
    pub fn scoped<'scope>(
        scope: &'scope Scope<'scope, '_>,
        items: I,
        threads: usize,
        window: usize,
        work: impl Fn(I::Item) -> R + Clone + Send + 'scope,
    ) -> Self
    where
        I::Item: 'scope,
        R: 'scope,
    {
        let (mut map, queue) = Self::idle(items, threads, window);
        for _ in 0..threads.max(1) {
            let (queue, work) = (queue.clone(), work.clone());
            scope.spawn(move || work_on(&queue, work));
        }
        map.fill();
        map
    }

    fn idle(items: I, threads: usize, window: usize) -> (Self, Receiver<Job<I::Item, R>>) {
        let (jobs, queue) = unbounded();
        let window = window.max(threads).max(1);
        (Self { items, window, jobs: Some(jobs), waiting: VecDeque::new(), threads: Vec::new() }, queue)
    }

    fn fill(&mut self) {
        let Some(jobs) = &self.jobs else { return };
        while self.waiting.len() < self.window {
            let Some(item) = self.items.next() else { return };
            let (result, waiting) = bounded(1);
            if jobs.send((item, result)).is_err() {
                return;
            }
            self.waiting.push_back(waiting);
        }
    }
}

impl<I, R> Iterator for OrderedMap<I, R>
where
    I: Iterator,
    I::Item: Send,
    R: Send,
{
    type Item = R;

    fn next(&mut self) -> Option<R> {
        self.fill();
        match self.waiting.pop_front()?.recv().ok()? {
            Ok(result) => Some(result),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<I: Iterator, R> Drop for OrderedMap<I, R> {
    fn drop(&mut self) {
        // Jobs that no thread has begun are dropped with the queue.
        self.waiting.clear();
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl<I: Iterator + std::fmt::Debug, R> std::fmt::Debug for OrderedMap<I, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderedMap")
            .field("items", &self.items)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// Runs `work` on every item on `threads` threads, and `consume` on the results here, in the order of the items.
///
/// # Errors
/// The first error of `consume`; items that are not in work then are left out.
pub fn for_each_ordered<T: Sync, R: Send, E>(
    items: &[T],
    threads: usize,
    window: usize,
    work: impl Fn(&T) -> R + Sync,
    mut consume: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let work = &work;
    thread::scope(|scope| {
        let threads = threads.clamp(1, items.len().max(1));
        let results = OrderedMap::scoped(scope, items.iter(), threads, window, work);
        items.iter().zip(results).try_for_each(|(item, result)| consume(item, result))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_come_in_order_whatever_each_takes() {
        for (threads, window) in [(1, 0), (3, 4), (64, 1)] {
            let work = |item: u64| {
                thread::sleep(Duration::from_micros(item * 37 % 11 * 50));
                item * item
            };
            let found: Vec<u64> = OrderedMap::new(0..50, threads, window, work).collect();
            assert_eq!(found, (0..50).map(|item| item * item).collect::<Vec<_>>());
        }
    }

    /// The other thread takes all items that follow a slow one, up to the window.
    #[test]
    fn a_slow_item_does_not_hold_up_the_work_on_others() {
        let done = Arc::new(AtomicUsize::new(0));
        let (slow, waiting) = bounded::<()>(0);
        let work = {
            let done = done.clone();
            move |item: usize| {
                if item == 0 {
                    let _ = waiting.recv();
                }
                done.fetch_add(1, Ordering::SeqCst);
                item
            }
        };
        let mut results = OrderedMap::new(0..100, 2, 10, work);
        while done.load(Ordering::SeqCst) < 9 {
            thread::yield_now();
        }
        drop(slow);
        assert_eq!(results.next(), Some(0));
        assert_eq!(results.collect::<Vec<_>>(), (1..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_slow_consumer_holds_the_threads_back() {
        let started = Arc::new(AtomicUsize::new(0));
        let counted = started.clone();
        let mut results = OrderedMap::new(0..1000, 2, 4, move |_| counted.fetch_add(1, Ordering::SeqCst));
        results.next();
        thread::sleep(Duration::from_millis(20));
        assert!(started.load(Ordering::SeqCst) <= 5, "{started:?} items were started");
        drop(results);
        assert!(started.load(Ordering::SeqCst) <= 5, "{started:?} items were started");
    }

    #[test]
    fn a_panic_reaches_the_consumer_alone() {
        let mut results = OrderedMap::new(0..3, 1, 1, |item| {
            assert_ne!(item, 1, "one");
            item
        });
        assert_eq!(results.next(), Some(0));
        assert!(catch_unwind(AssertUnwindSafe(|| results.next())).is_err());
        assert_eq!(results.next(), Some(2));
    }

    #[test]
    fn an_error_ends_the_work() {
        let started = AtomicUsize::new(0);
        let items = vec![0u8; 10_000];
        let work = |_: &u8| started.fetch_add(1, Ordering::Relaxed);
        let mut consumed = 0;
        let result = for_each_ordered(&items, 2, 4, work, |_, _| {
            consumed += 1;
            if consumed == 3 { Err("enough") } else { Ok(()) }
        });
        assert_eq!(result, Err("enough"));
        assert!(started.into_inner() < 20, "the threads went on");
    }
}
