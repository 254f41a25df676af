//! The Python wheel. `make test` runs these tests beside all others, whose names do not begin with `wheel::`.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod wheel;
