//! Work on batches ahead of the one that needs them.

use std::sync::mpsc::sync_channel;

/// Batches that each worker keeps ready.
const DEPTH: usize = 2;

/// Runs `make` on every item in `workers` threads, and `take` on the results here, in the order of the items.
///
/// The threads run at most a few items ahead, so that memory stays bounded; they stop at the first error of `take`.
pub fn ahead<T: Sync, R: Send, E>(
    items: &[T],
    workers: usize,
    make: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let workers = workers.max(1);
    std::thread::scope(|scope| {
        // One queue a worker, read in turn, keeps the order.
        let queues: Vec<_> = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(DEPTH);
                let make = &make;
                scope.spawn(move || {
                    for item in items.iter().skip(worker).step_by(workers) {
                        if sender.send(make(item)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        items.iter().enumerate().try_for_each(|(turn, item)| {
            take(item, queues[turn % workers].recv().expect("a worker sends one result an item"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::ahead;
    use std::convert::Infallible;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..50).collect();
        for workers in [1, 3, 60] {
            let mut results = Vec::new();
            let make = |&item: &u64| {
                std::thread::sleep(std::time::Duration::from_micros((item * 37) % 200));
                item * 2
            };
            let Ok(()) = ahead(&items, workers, make, |_, result| {
                results.push(result);
                Ok::<_, Infallible>(())
            });
            assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_workers() {
        let items = [1; 1_000];
        let mut taken = 0;
        let result = ahead(
            &items,
            4,
            |item| *item,
            |_, _| {
                taken += 1;
                if taken == 3 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((result, taken), (Err("enough"), 3));
    }
}
