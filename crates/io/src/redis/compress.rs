//! Compression of payloads: zstd at its fastest, and only where it saves.

/// The largest payload that is compressed, and that anything inflates to.
const MAX_BYTES: usize = 64 << 20;

/// The payload compressed, where that is smaller.
pub(super) fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > MAX_BYTES {
        return None;
    }
    zstd::bulk::compress(payload, 1).ok().filter(|compressed| compressed.len() < payload.len())
}
/// The payload inflated; None: damaged, or larger than any that was written.
pub(crate) fn inflate(compressed: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(compressed).ok()??;
    let size = usize::try_from(size).ok().filter(|&size| size <= MAX_BYTES)?;
    let payload = zstd::bulk::decompress(compressed, size).ok()?;
    (payload.len() == size).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_saves_or_stays() {
        let text = b"sluice ".repeat(1000);
        let compressed = deflate(&text).unwrap();
        assert!(compressed.len() < text.len() / 10);
        assert_eq!(inflate(&compressed), Some(text));
        assert_eq!(deflate(b"abc"), None);
        assert_eq!(inflate(b"abc"), None);
        assert_eq!(inflate(&compressed[..compressed.len() - 3]), None);
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; MAX_BYTES + 1], 1).unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(inflate(&bomb), None);
        let most = zstd::bulk::compress(&vec![0; MAX_BYTES], 1).unwrap();
        assert_eq!(inflate(&most).map(|payload| payload.len()), Some(MAX_BYTES));
    }
}
