//! From the values that a decoder gives to 8-bit RGB, in the memory that they take already.

/// Keeps the high byte of 16-bit values in the order of this machine.
pub(super) fn narrow(values: &mut Vec<u8>) {
    let high = usize::from(cfg!(target_endian = "little"));
    let count = values.len() / 2;
    for index in 0..count {
        values[index] = values[2 * index + high];
    }
    values.truncate(count);
}

/// 8-bit pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 channels (RGB, alpha) become RGB. Alpha is
/// dropped, and the colours below it stay.
pub(super) fn to_rgb(values: &mut Vec<u8>, channels: usize) {
    let count = values.len() / channels;
    if channels > 3 {
        for index in 0..count {
            values.copy_within(channels * index..channels * index + 3, 3 * index);
        }
        values.truncate(3 * count);
        values.shrink_to_fit();
    } else if channels < 3 {
        values.resize(3 * count, 0);
        for index in (0..count).rev() {
            let grey = values[channels * index];
            values[3 * index..3 * index + 3].fill(grey);
        }
    }
}

/// CMYK as PIL turns it into RGB, without a profile.
pub(super) fn cmyk_to_rgb(values: &mut Vec<u8>) {
    for pixel in values.as_chunks_mut::<4>().0 {
        let white = 255 - pixel[3];
        for value in &mut pixel[..3] {
            *value = white.saturating_sub(times_255th(*value, white));
        }
    }
    to_rgb(values, 4);
}

/// Undoes the multiplication of RGB by alpha, as PIL does it.
pub(super) fn unmultiply_alpha(values: &mut [u8]) {
    for pixel in values.as_chunks_mut::<4>().0 {
        let alpha = u32::from(pixel[3]);
        for value in &mut pixel[..3] {
            *value = (255 * u32::from(*value)).checked_div(alpha).map_or(0, |value| value.min(255) as u8);
        }
    }
}

/// a * b / 255, rounded.
fn times_255th(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

/// Values of 1, 2 or 4 bits, packed into bytes row by row, each become a byte.
pub(super) fn unpack(packed: &[u8], bits: u8, width: usize, value: impl Fn(u8) -> u8) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let mask = u8::MAX >> (8 - bits);
    let rows = packed.chunks_exact(width.div_ceil(per_byte));
    let row_values = |row: &[u8]| -> Vec<u8> {
        let all = row.iter().flat_map(|&byte| {
            (0..per_byte).map(move |place| (byte >> (8 - usize::from(bits) * (place + 1))) & mask)
        });
        all.take(width).map(&value).collect()
    };
    rows.flat_map(row_values).collect()
}
