//! The messages of the invalidation channel: `1`, a letter, the origin and the items, each as `length:bytes`. ASCII
//! around what keys and tags are, so that a client that only knows strings can send and read them.

use bytes::Bytes;

/// What has changed. Keys, globs and prefixes are without the key prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice<'a> {
    /// These keys.
    Keys(Vec<&'a [u8]>),
    /// Keys that match a glob.
    Pattern(&'a [u8]),
    /// Keys that carry a tag.
    Tag(&'a str),
    /// Keys that begin so.
    Prefix(&'a [u8]),
}

/// A message.
pub fn write(origin: &[u8], notice: &Notice<'_>) -> Bytes {
    let mut out = Vec::with_capacity(64);
    let letter = match notice {
        Notice::Keys(_) => b'k',
        Notice::Pattern(_) => b'g',
        Notice::Tag(_) => b't',
        Notice::Prefix(_) => b'p',
    };
    out.extend_from_slice(&[b'1', letter]);
    item(origin, &mut out);
    match notice {
        Notice::Keys(keys) => keys.iter().for_each(|key| item(key, &mut out)),
        Notice::Pattern(text) | Notice::Prefix(text) => item(text, &mut out),
        Notice::Tag(tag) => item(tag.as_bytes(), &mut out),
    }
    out.into()
}
fn item(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

/// Origin and change of a message; None: not one of ours, or of a version that we do not know.
pub fn read(message: &[u8]) -> Option<(&[u8], Notice<'_>)> {
    let [b'1', letter, rest @ ..] = message else { return None };
    let (origin, mut rest) = take(rest)?;
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, after) = take(rest)?;
        items.push(item);
        rest = after;
    }
    let notice = match (letter, items.as_slice()) {
        (b'k', _) => Notice::Keys(items),
        (b'g', [glob]) => Notice::Pattern(glob),
        (b't', [tag]) => Notice::Tag(std::str::from_utf8(tag).ok()?),
        (b'p', [prefix]) => Notice::Prefix(prefix),
        _ => return None,
    };
    Some((origin, notice))
}
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().take(12).position(|&byte| byte == b':')?;
    let length: usize = std::str::from_utf8(bytes.get(..colon)?).ok()?.parse().ok()?;
    bytes.get(colon + 1..)?.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_what_is_documented() {
        assert_eq!(&write(b"me", &Notice::Keys(vec![b"a", b"1:b"]))[..], b"1k2:me1:a3:1:b");
        assert_eq!(&write(b"", &Notice::Tag("ü"))[..], "1t0:2:ü".as_bytes());
        assert_eq!(read(b"1p0:3:ab"), None);
        assert_eq!(read(b"2k0:"), None);
        assert_eq!(read(b"1g0:1:a1:b"), None);
        assert_eq!(read(b"1k0:"), Some((&b""[..], Notice::Keys(vec![]))));
    }

    proptest! {
        #[test]
        fn comes_back(origin: Vec<u8>, keys: Vec<Vec<u8>>, kind in 0u8..4, tag in ".{0,9}") {
            let notice = match kind {
                0 => Notice::Keys(keys.iter().map(Vec::as_slice).collect()),
                1 => Notice::Pattern(&origin),
                2 => Notice::Tag(&tag),
                _ => Notice::Prefix(tag.as_bytes()),
            };
            let message = write(&origin, &notice);
            prop_assert_eq!(read(&message), Some((origin.as_slice(), notice)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
            let _ = read(&[b"1k", bytes.as_slice()].concat());
        }
    }
}
