//! How the threads of a graph wait between two of its layers.
//!
//! A thread that sleeps has to be woken for each layer, about 60 times a photo. A thread that spins for long, which is
//! ONNX Runtime's default, takes a core from the other graph and from photos that are decoded at the same time. A short
//! spin lasts from one layer to the next and ends with the graph; `docs/performance.md` has the numbers.

use ort::session::builder::SessionBuilder;

const ALLOW: &str = "session.intra_op.allow_spinning";
const DURATION: &str = "session.intra_op.spin_duration_us";
/// Several layers of the smallest encoder.
const MICROSECONDS: &str = "100";
/// Older versions do not know the duration and would spin for milliseconds.
const SINCE: (u32, u32) = (1, 26);

/// Makes the threads of a graph spin for a short time where this ONNX Runtime can do that, and sleep where it cannot.
pub fn configure(builder: SessionBuilder, version: &str) -> ort::Result<SessionBuilder> {
    Ok(match release(version) {
        Some(release) if release >= SINCE => builder.with_config_entry(DURATION, MICROSECONDS)?,
        _ => builder.with_config_entry(ALLOW, "0")?,
    })
}

/// Major and minor number of "1.32.0".
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_number() {
        assert_eq!(release("1.32.0"), Some((1, 32)));
        assert!(release("1.9.1").unwrap() < SINCE && release("1.100.0").unwrap() > SINCE);
        assert_eq!(release("of unknown version"), None);
    }
}
