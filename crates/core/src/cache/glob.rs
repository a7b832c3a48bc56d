//! Globs as Redis matches them, byte by byte: `*`, `?`, `[a-z]`, `[^…]`, `\x`. Only the last star is ever gone back
//! to, so the work is at most the product of both lengths, never exponential.

/// Whether the whole text matches.
pub fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut left) = (glob, text);
    // what follows the last star, and the text from which it is tried next
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', after)) = rest.split_first() {
            star = Some((after, left));
            rest = after;
            continue;
        }
        match (rest.is_empty(), left.split_first()) {
            (true, None) => return true,
            (false, Some((&byte, tail))) => {
                if let Some(after) = one(rest, byte) {
                    (rest, left) = (after, tail);
                    continue;
                }
            }
            (true, Some(_)) => {}
            // the text is used up and the glob wants more: trying the star further on has even less text
            (false, None) => return false,
        }
        let Some((after, from)) = star else { return false };
        let Some((_, tail)) = from.split_first() else { return false };
        star = Some((after, tail));
        (rest, left) = (after, tail);
    }
}

/// What is left of the glob when its first element, no star, takes that byte.
fn one(glob: &[u8], byte: u8) -> Option<&[u8]> {
    match glob {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', literal, rest @ ..] => (*literal == byte).then_some(rest),
        [literal, rest @ ..] => (*literal == byte).then_some(rest),
        [] => None,
    }
}

/// A class, from behind its bracket. One that does not end is ended by the glob's end.
fn class(glob: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match glob {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut hit = false;
    loop {
        rest = match rest {
            [] => break,
            [b'\\', literal, rest @ ..] => {
                hit |= *literal == byte;
                rest
            }
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [from, b'-', to, rest @ ..] => {
                hit |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                hit |= *literal == byte;
                rest
            }
        };
    }
    (hit != negated).then_some(rest)
}

/// A glob that matches exactly this text, also where a pattern follows it.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// The longest text with which everything that matches begins, and whether that text alone says it all: nothing
/// else matches, and no more is asked of what begins so than that (`Exact`, `Prefix`).
pub fn literal_prefix(glob: &[u8]) -> (Vec<u8>, Rest) {
    let mut prefix = Vec::with_capacity(glob.len());
    let mut rest = glob;
    loop {
        rest = match rest {
            [] => return (prefix, Rest::Nothing),
            [b'?' | b'[', ..] => return (prefix, Rest::Glob),
            [b'*', rest @ ..] => {
                let anything = rest.iter().all(|&byte| byte == b'*');
                return (prefix, if anything { Rest::Anything } else { Rest::Glob });
            }
            [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
                prefix.push(*literal);
                rest
            }
        };
    }
}
/// What a glob asks behind its literal prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing may follow: the glob names one key.
    Nothing,
    /// Anything may follow.
    Anything,
    /// What follows has to be matched.
    Glob,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The meaning, by plain recursion over elements that were parsed beforehand: slow, and of another build.
    #[derive(Debug)]
    enum Element {
        Star,
        Set(Vec<bool>),
    }
    fn parse(glob: &[u8]) -> Vec<Element> {
        let mut elements = Vec::new();
        let mut at = 0;
        let only = |byte: u8| (0..=255u8).map(|b| b == byte).collect::<Vec<_>>();
        while at < glob.len() {
            match glob[at] {
                b'*' => elements.push(Element::Star),
                b'?' => elements.push(Element::Set(vec![true; 256])),
                b'\\' if at + 1 < glob.len() => {
                    at += 1;
                    elements.push(Element::Set(only(glob[at])));
                }
                b'[' => {
                    at += 1;
                    let negated = at < glob.len() && glob[at] == b'^';
                    at += usize::from(negated);
                    let mut set = vec![false; 256];
                    while at < glob.len() && glob[at] != b']' {
                        if glob[at] == b'\\' && at + 1 < glob.len() {
                            at += 1;
                            set[usize::from(glob[at])] = true;
                        } else if at + 2 < glob.len() && glob[at + 1] == b'-' {
                            let (a, b) = (glob[at], glob[at + 2]);
                            for byte in a.min(b)..=a.max(b) {
                                set[usize::from(byte)] = true;
                            }
                            at += 2;
                        } else {
                            set[usize::from(glob[at])] = true;
                        }
                        at += 1;
                    }
                    elements.push(Element::Set(set.iter().map(|&hit| hit != negated).collect()));
                }
                byte => elements.push(Element::Set(only(byte))),
            }
            at += 1;
        }
        elements
    }
    fn naive(elements: &[Element], text: &[u8]) -> bool {
        match elements {
            [] => text.is_empty(),
            [Element::Star, rest @ ..] => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            [Element::Set(set), rest @ ..] => {
                !text.is_empty() && set[usize::from(text[0])] && naive(rest, &text[1..])
            }
        }
    }

    #[test]
    fn globs_mean_what_redis_documents() {
        let yes: &[(&str, &str)] = &[
            ("h?llo", "hello"),
            ("h*llo", "hllo"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hbllo"),
            ("h[a-b]llo", "hbllo"),
            ("h[b-a]llo", "hallo"),
            (r"h\*llo", "h*llo"),
            (r"[\]]x", "]x"),
            ("*", ""),
            ("**a**", "bab"),
            ("[^]x", "zx"),
            ("\\", "\\"),
            ("[abc", "c"),
        ];
        let no: &[(&str, &str)] = &[
            ("h?llo", "hllo"),
            ("h[^e]llo", "hello"),
            (r"h\*llo", "hello"),
            ("", "a"),
            ("a", ""),
            ("[]a", "a"),
        ];
        for (glob, text) in yes {
            assert!(matches(glob.as_bytes(), text.as_bytes()), "{glob} {text}");
        }
        for (glob, text) in no {
            assert!(!matches(glob.as_bytes(), text.as_bytes()), "{glob} {text}");
        }
    }

    #[test]
    fn many_stars_are_no_bomb() {
        let glob = b"a*".repeat(200);
        let mut text = b"a".repeat(20_000);
        text.push(b'b');
        let glob = [glob.as_slice(), b"c"].concat();
        let began = std::time::Instant::now();
        assert!(!matches(&glob, &text));
        assert!(began.elapsed().as_secs() < 2);
    }

    proptest! {
        #[test]
        fn as_the_naive_matcher(
            glob in proptest::collection::vec(proptest::sample::select(b"ab*?[]^-\\c".to_vec()), 0..10),
            text in proptest::collection::vec(proptest::sample::select(b"abc]-^\\[*".to_vec()), 0..8),
        ) {
            prop_assert_eq!(matches(&glob, &text), naive(&parse(&glob), &text));
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(
            text in proptest::collection::vec(any::<u8>(), 0..12),
            other in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut glob = Vec::new();
            escape(&text, &mut glob);
            prop_assert!(matches(&glob, &text));
            prop_assert_eq!(matches(&glob, &other), text == other);
            prop_assert_eq!(literal_prefix(&glob), (text, Rest::Nothing));
        }

        #[test]
        fn what_matches_has_the_prefix(
            glob in proptest::collection::vec(proptest::sample::select(b"ab*?[]\\".to_vec()), 0..8),
            text in proptest::collection::vec(proptest::sample::select(b"ab]".to_vec()), 0..6),
        ) {
            let (prefix, rest) = literal_prefix(&glob);
            if matches(&glob, &text) {
                prop_assert!(text.starts_with(&prefix));
            }
            match rest {
                Rest::Nothing => prop_assert_eq!(matches(&glob, &text), text == prefix),
                Rest::Anything => prop_assert_eq!(matches(&glob, &text), text.starts_with(&prefix)),
                Rest::Glob => {}
            }
        }
    }
}
