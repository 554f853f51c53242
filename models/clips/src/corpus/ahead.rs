//! Reading ahead: the next clips are read on a worker thread while the present one is used.
//!
//! Order is kept and memory is bounded: at most `ahead` finished items wait, one more is being made. What it is not:
//! a thread pool; use one [`Ahead`] per consumer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::fault::{Fault, FaultKind, Result};

/// An iterator whose items are made ahead of their use, in order. Dropping it stops the worker after the item it is at.
#[derive(Debug)]
pub struct Ahead<T> {
    ready: Option<Receiver<Result<T>>>,
    worker: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Makes `read(item)` for every item; at most `ahead` (at least 1) results wait to be taken. A panic of `read` is
    /// the fault of that item and ends the stream.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] when no thread can be started.
    pub fn new<I>(
        items: I,
        ahead: usize,
        mut read: impl FnMut(I::Item) -> Result<T> + Send + 'static,
    ) -> Result<Self>
    where
        I: IntoIterator + Send + 'static,
    {
        let (sender, ready) = sync_channel(ahead.max(1));
        let worker = std::thread::Builder::new()
            .name("clips ahead".into())
            .spawn(move || {
                for item in items {
                    // `read` is not used again after a panic, so nothing half-done is seen.
                    let (result, ended) = match catch_unwind(AssertUnwindSafe(|| read(item))) {
                        Ok(result) => (result, false),
                        Err(_) => (Err(Fault::new(FaultKind::Internal, "", "reading a clip panicked")), true),
                    };
                    if sender.send(result).is_err() || ended {
                        return;
                    }
                }
            })
            .map_err(|error| Fault::new(FaultKind::Internal, "", format!("no thread: {error}")))?;
        Ok(Self { ready: Some(ready), worker: Some(worker) })
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ready.as_ref()?.recv().ok()
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        drop(self.ready.take()); // first, so that a worker waiting to send ends
        if let Some(worker) = self.worker.take() {
            let _ = worker.join(); // its panics were caught
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn items_come_in_order_and_never_more_than_asked_for_are_made() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let mut ahead = Ahead::new(0..100usize, 3, move |item| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(item)
        })
        .unwrap();
        for expected in 0..100 {
            std::thread::sleep(std::time::Duration::from_micros(200));
            // taken, waiting in the channel, and one in the worker's hand
            assert!(made.load(Ordering::SeqCst) <= expected + 3 + 1);
            assert_eq!(ahead.next().unwrap().unwrap(), expected);
        }
        assert!(ahead.next().is_none());
    }

    #[test]
    fn a_stream_that_is_dropped_stops_its_worker() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let mut ahead = Ahead::new(0..usize::MAX, 2, move |item| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(item)
        })
        .unwrap();
        assert!(ahead.next().is_some());
        drop(ahead); // joins
        assert!(made.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn a_panic_is_the_fault_of_its_item() {
        let mut ahead = Ahead::new(0..5, 2, |item| {
            assert!(item < 2, "the third item is broken");
            Ok(item)
        })
        .unwrap();
        assert!(ahead.next().unwrap().is_ok() && ahead.next().unwrap().is_ok());
        assert_eq!(ahead.next().unwrap().unwrap_err().kind, FaultKind::Internal);
        assert!(ahead.next().is_none());
    }
}
