/// Whether a JPEG reaches its end-of-image marker.
///
/// The decoder fills what is missing with grey and reports success, so a file that was cut short has to
/// be found out here. Segments are stepped over by their length: a thumbnail inside one has an
/// end-of-image marker of its own.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xD9;
    let mut rest = bytes;
    while let Some(prefix) = rest.iter().position(|&byte| byte == 0xFF) {
        // Any number of 0xFF may stand before a marker.
        let Some(skipped) = rest[prefix..].iter().position(|&byte| byte != 0xFF) else {
            return false;
        };
        let (marker, after) = (rest[prefix + skipped], &rest[prefix + skipped + 1..]);
        rest = match (marker, after) {
            (END_OF_IMAGE, _) => return true,
            // Frame and table definitions, scans, application data and comments carry their length.
            (0xC0..=0xCF | 0xDA..=0xDF | 0xE0..=0xEF | 0xFE, [high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                after.get(length..).unwrap_or_default()
            }
            // A stuffed zero, a restart or the start of the image stand alone.
            _ => after,
        };
    }
    false
}
