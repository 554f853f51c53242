//! Code of others on bytes of others: a panic in it becomes words instead of a dead thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`. After a panic, what it held on to must not be used again.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let words = payload.downcast_ref::<&str>().map(ToString::to_string);
        words.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
    })
}
