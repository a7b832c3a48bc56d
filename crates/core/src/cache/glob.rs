//! Patterns as Redis reads them: `*`, `?`, `[a-c]`, `[^x]` and `\` before what stands for itself, over bytes.

/// Whether the text matches, in time bounded by the product of both lengths: a `*` never starts a nested search.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, text);
    // what to go back to when the text after a `*` does not fit: the pattern after it, and the text it had reached
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        let stepped = match rest.split_first() {
            Some((b'*', after)) => {
                star = Some((after, left));
                rest = after;
                continue;
            }
            Some(_) => match left.split_first() {
                Some((byte, text_after)) => one(rest, *byte).map(|after| (after, text_after)),
                None => None,
            },
            None if left.is_empty() => return true,
            None => None,
        };
        if let Some((pattern_after, text_after)) = stepped {
            (rest, left) = (pattern_after, text_after);
            continue;
        }
        match star {
            Some((after, [_, further @ ..])) => {
                star = Some((after, further));
                (rest, left) = (after, further);
            }
            _ => return false,
        }
    }
}

/// Matches one byte against the first element of a pattern; what is left of the pattern.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'[', after @ ..] => {
            let (hit, after) = class(after, byte);
            hit.then_some(after)
        }
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

fn class(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', after @ ..] => (true, after),
        _ => (false, pattern),
    };
    let mut hit = false;
    loop {
        rest = match rest {
            // a class that is never closed ends with the pattern, as in Redis
            [] => return (hit != negated, rest),
            [b']', after @ ..] => return (hit != negated, after),
            [b'\\', literal, after @ ..] => {
                hit |= *literal == byte;
                after
            }
            [from, b'-', to, after @ ..] => {
                hit |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                hit |= *literal == byte;
                after
            }
        };
    }
}

/// What every match begins with: where a search in sorted keys may start.
pub fn literal_prefix(pattern: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::new();
    let mut rest = pattern;
    loop {
        rest = match rest {
            [] | [b'*' | b'?' | b'[', ..] => return prefix,
            [b'\\', literal, after @ ..] | [literal, after @ ..] => {
                prefix.push(*literal);
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_redis_does() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hello", false),
            ("h[^e]llo", "hbllo", true),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h[a-b]llo", "hcllo", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\[1]", "a[1]", true),
            ("[\\]]", "]", true),
            ("[ab", "a", true),
            ("[ab", "c", false),
            ("a\\", "a\\", true),
            ("", "", true),
            ("", "a", false),
            ("user:*:x", "user:1:2:x", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(500) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(20_000).as_bytes()));
    }

    #[test]
    fn a_prefix_ends_at_the_first_wildcard() {
        assert_eq!(literal_prefix(b"user\\*:1*2"), b"user*:1");
        assert_eq!(literal_prefix(b"[ab]c"), b"");
        assert_eq!(literal_prefix(b"plain"), b"plain");
    }
}
