//! A look at a small text whose structure `JSON.parse` will check anyway: can it break a limit at all? 64 bytes at a
//! time, without a branch per token.

use super::text::{is_blank, matches};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// What a look at a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skim {
    /// Only white space.
    Blank,
    /// ASCII; if it is JSON it keeps to the limits.
    Ascii,
    /// UTF-8; if it is JSON it keeps to the limits.
    Utf8,
    /// Not UTF-8, too deep, or a key that may pollute prototypes: the full check decides.
    Suspect,
}

static PROTO: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("__proto__"));
static PROTOTYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("prototype\""));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\u00"));

/// Looks at a text. For texts that are not JSON the answer says nothing.
pub fn skim(text: &[u8], max_depth: u32, proto: bool) -> Skim {
    let ascii = text.is_ascii();
    if !ascii && simdutf8::basic::from_utf8(text).is_err() {
        return Skim::Suspect;
    }
    if text.first().is_none_or(|&byte| byte <= b' ') && is_blank(text) {
        return Skim::Blank;
    }
    if too_deep(text, i64::from(max_depth)) || (proto && may_pollute(text)) {
        return Skim::Suspect;
    }
    if ascii { Skim::Ascii } else { Skim::Utf8 }
}

/// The keys in question as they are, or with an escape that may stand for one of their letters.
fn may_pollute(text: &[u8]) -> bool {
    PROTO.find(text).is_some()
        || PROTOTYPE.find(text).is_some()
        || ESCAPE.find_iter(text).any(|at| std::matches!(text.get(at + 4), Some(b'5'..=b'7')))
}

/// One bit per byte of a block.
#[derive(Default)]
struct Bits {
    quote: u64,
    backslash: u64,
    open: u64,
    close: u64,
}

/// `[` and `{`, `]` and `}` differ in one bit, which this sets.
const FOLD: u8 = 0x20;

fn too_deep(text: &[u8], max_depth: i64) -> bool {
    // fewer brackets than that, in strings and out of them: nothing to look at closer
    let opens: i64 = text
        .chunks(128)
        .map(|part| part.iter().map(|&b| u8::from(b | FOLD == b'{')).sum::<u8>())
        .map(i64::from)
        .sum();
    opens > max_depth && deeper(text, max_depth)
}

fn deeper(text: &[u8], max_depth: i64) -> bool {
    let (blocks, tail) = text.as_chunks::<64>();
    let mut last = [b' '; 64];
    last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    let (mut depth, mut escape, mut string) = (0i64, 0u64, 0u64);
    for block in blocks.iter().chain(std::iter::once(&last)) {
        if !block
            .iter()
            .fold(false, |any, &byte| any | (byte == b'"') | (byte == b'\\') | matches_bracket(byte))
        {
            escape = 0;
            continue;
        }
        let bits = bits(block);
        let quotes = bits.quote & !escaped(bits.backslash, &mut escape);
        // each bit becomes the parity of the quotes up to it: set inside of strings
        let mut inside = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        inside ^= string;
        string = if inside >> 63 == 1 { u64::MAX } else { 0 };
        let (mut open, close) = (bits.open & !inside, bits.close & !inside);
        if open == 0 && close == 0 {
            continue;
        }
        if depth + i64::from(open.count_ones()) > max_depth {
            // exact: how deep is each opening?
            while open != 0 {
                let below = open.trailing_zeros();
                open &= open - 1;
                let before = (1u64 << below) - 1;
                let opened = i64::from((bits.open & !inside & before).count_ones()) + 1;
                if depth + opened - i64::from((close & before).count_ones()) > max_depth {
                    return true;
                }
            }
        }
        depth += i64::from((bits.open & !inside).count_ones()) - i64::from(close.count_ones());
    }
    false
}

/// Which bytes a backslash escapes; `carry` is 1 when the block's last byte escapes the next block's first.
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    if backslash == 0 {
        return std::mem::take(carry);
    }
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    let odd_starts = backslash & !EVEN & !follows;
    let (even_runs, overflow) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(overflow);
    (EVEN ^ (even_runs << 1)) & follows
}

fn matches_bracket(byte: u8) -> bool {
    byte | FOLD == b'{' || byte | FOLD == b'}'
}

fn bits(block: &[u8; 64]) -> Bits {
    let mut bits = Bits::default();
    let (words, _) = block.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let folded = word | u64::from_ne_bytes([FOLD; 8]);
        let shift = index * 8;
        bits.quote |= matches(word, b'"') << shift;
        bits.backslash |= matches(word, b'\\') << shift;
        bits.open |= matches(folded, b'{') << shift;
        bits.close |= matches(folded, b'}') << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Depth and strings one byte at a time.
    fn depth_of(text: &[u8]) -> i64 {
        let (mut depth, mut deepest, mut string, mut escape) = (0i64, 0, false, false);
        for &byte in text {
            if std::mem::take(&mut escape) && std::matches!(byte, b'"' | b'\\') {
                continue;
            }
            match byte {
                b'\\' => escape = true,
                b'"' => string = !string,
                b'[' | b'{' if !string => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' if !string => depth -= 1,
                _ => {}
            }
        }
        deepest
    }

    proptest! {
        #[test]
        fn the_depth_is_that_of_a_naive_loop(text in r#"[\[\]{}\\"\\a ]{0,300}"#, max in 0i64..12) {
            prop_assert_eq!(deeper(text.as_bytes(), max), depth_of(text.as_bytes()) > max);
            prop_assert_eq!(too_deep(text.as_bytes(), max), depth_of(text.as_bytes()) > max);
        }
    }

    #[test]
    fn blank_ascii_utf8_and_suspects() {
        assert_eq!(skim(b" \r\n\t", 1, true), Skim::Blank);
        assert_eq!(skim(b"", 1, true), Skim::Blank);
        assert_eq!(skim(b"[1]", 1, true), Skim::Ascii);
        assert_eq!(skim("[\"é\"]".as_bytes(), 1, true), Skim::Utf8);
        for text in ["[[1]]", r#"{"__proto__":1}"#, r#"{"\u005f_proto__":1}"#, r#"{"prototype":1}"#] {
            assert_eq!(skim(text.as_bytes(), 1, true), Skim::Suspect, "{text}");
        }
        assert_eq!(skim(b"[\"\xff\"]", 1, false), Skim::Suspect);
        assert_eq!(skim(br#"{"__proto__":"\u00e9"}"#, 1, false), Skim::Ascii);
    }
}
