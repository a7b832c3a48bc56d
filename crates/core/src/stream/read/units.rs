//! Escaped text, one unit at a time: a tag is found in it however its characters are written.

/// What stands for a byte of a character beyond ASCII, which no tag has.
pub(super) const BEYOND_ASCII: u32 = u32::MAX;

/// The unit at the start of an escaped text and its length in bytes; `None` at the end. Bytes beyond ASCII are a
/// unit each.
#[inline]
pub(super) fn next_unit(text: &[u8]) -> Option<(u32, usize)> {
    let (&first, rest) = text.split_first()?;
    Some(match first {
        b'\\' => match rest.split_first() {
            Some((b'u', hex)) => (hex.get(..4).and_then(hex4).unwrap_or(BEYOND_ASCII), 6.min(text.len())),
            Some((b'n', _)) => (0x0A, 2),
            Some((b'r', _)) => (0x0D, 2),
            Some((b't', _)) => (0x09, 2),
            Some((b'b', _)) => (0x08, 2),
            Some((b'f', _)) => (0x0C, 2),
            Some((&other, _)) => (u32::from(other), 2),
            None => (BEYOND_ASCII, 1),
        },
        0..0x80 => (u32::from(first), 1),
        _ => (BEYOND_ASCII, 1),
    })
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | (digit as char).to_digit(16)?))
}

/// Whether a unit is white space.
pub(super) fn is_space(unit: u32) -> bool {
    matches!(unit, 0x20 | 0x0A | 0x0D | 0x09)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_write_a_character_is_the_same_unit() {
        let mut text = &br"<\u003c\u003C\/\n\u00e9"[..];
        let mut units = Vec::new();
        while let Some((unit, length)) = next_unit(text) {
            units.push(unit);
            text = &text[length..];
        }
        assert_eq!(units, [0x3C, 0x3C, 0x3C, 0x2F, 0x0A, 0xE9]);
    }
}
