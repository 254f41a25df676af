//! Work on many items at once, results in order.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Runs `work` on every item on `workers` threads and hands the results to `consume` on the calling
/// thread, in the items' order. About `lookahead` results wait at most, so that a slow consumer holds
/// the workers back instead of filling the memory.
///
/// # Errors
/// The first error of `consume`; the workers stop then.
pub fn for_each_ordered<T: Sync, R: Send, E>(
    items: &[T],
    workers: usize,
    lookahead: usize,
    work: impl Fn(&T) -> R + Sync,
    mut consume: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    with_ordered(items, workers, lookahead, work, |results| {
        for (item, result) in results {
            consume(item, result)?;
        }
        Ok(())
    })
}

/// [`for_each_ordered`] with all results at once, each of which is waited for when it is asked for: whatever
/// `consume` does before that, it does while the workers work.
pub fn with_ordered<'a, T: Sync, R: Send, O>(
    items: &'a [T],
    workers: usize,
    lookahead: usize,
    work: impl Fn(&T) -> R + Sync,
    consume: impl FnOnce(&mut dyn Iterator<Item = (&'a T, R)>) -> O,
) -> O {
    let workers = workers.clamp(1, items.len().max(1));
    let lookahead = lookahead.min(items.len());
    let work = &work;
    thread::scope(|scope| {
        // Worker w takes items w, w + workers, ...: reading the lanes in turn restores the order.
        let lanes: Vec<_> = (0..workers)
            .map(|worker| {
                let (sender, lane) = sync_channel(lookahead.div_ceil(workers));
                scope.spawn(move || {
                    for item in items.iter().skip(worker).step_by(workers) {
                        if sender.send(work(item)).is_err() {
                            return;
                        }
                    }
                });
                lane
            })
            .collect();
        // A lane closes early only when its worker panicked; the scope passes the panic on.
        let mut results =
            items.iter().zip(lanes.iter().cycle()).map_while(|(item, lane)| Some((item, lane.recv().ok()?)));
        consume(&mut results)
    })
}

/// Runs both at once, the second on this thread. A panic of the first goes on here.
pub(crate) fn in_parallel<A: Send, B>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_come_in_order_whatever_each_takes() {
        let items: Vec<u64> = (0..50).collect();
        for (workers, lookahead) in [(1, 0), (3, 4), (64, 1)] {
            let mut seen = Vec::new();
            let work = |&item: &u64| {
                thread::sleep(Duration::from_micros(item * 37 % 11 * 50));
                item * item
            };
            let result: Result<(), ()> =
                for_each_ordered(&items, workers, lookahead, work, |&item, square| {
                    assert_eq!(square, item * item);
                    seen.push(item);
                    Ok(())
                });
            assert_eq!((result, &seen), (Ok(()), &items));
        }
    }

    #[test]
    fn an_error_stops_the_workers() {
        let started = AtomicUsize::new(0);
        let items = vec![0u8; 10_000];
        let work = |_: &u8| started.fetch_add(1, Ordering::Relaxed);
        let mut consumed = 0;
        let result = for_each_ordered(&items, 2, 4, work, |_, _| {
            consumed += 1;
            if consumed == 10 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((result, consumed), (Err("enough"), 10));
        assert!(started.into_inner() < 100);
    }

    #[test]
    fn no_items_no_work() {
        let nothing: [u8; 0] = [];
        let result: Result<(), ()> = for_each_ordered(&nothing, 4, 4, |_| unreachable!(), |_, ()| Ok(()));
        assert_eq!(result, Ok(()));
    }
}
