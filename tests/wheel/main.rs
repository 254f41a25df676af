//! The Python wheel. `make test` runs these tests beside all others, which are those without `python_wheel::` in their name.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod python_wheel;
