//! What holds for every writer.

use super::testing::{arguments, call, events, text, written};
use crate::json::Escaped;
use crate::stream::{Delta, FinishReason, Format, Usage};
use proptest::prelude::*;

const FORMATS: [Format; 5] =
    [Format::OpenaiChat, Format::OpenaiResponses, Format::Claude, Format::Gemini, Format::Ollama];

/// Each frame of the stream, parsed.
fn frames(format: Format, bytes: &str) -> usize {
    if format == Format::Ollama {
        let lines = bytes.strip_suffix('\n').unwrap().split('\n');
        return lines.inspect(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap())).count();
    }
    events(bytes).len()
}

/// Pieces as a stream has them, escapes and bits of JSON among them.
const PIECES: [&str; 8] = ["a", r"\n", r"\u2028", r#"{\"k\":"#, "1}", "{}", r#"\\\""#, "é"];

fn delta() -> impl Strategy<Value = Delta<'static>> {
    let piece =
        (0u32..3, 0..PIECES.len()).prop_map(|(n, at)| (n, Escaped::from_checked(PIECES[at].as_bytes())));
    let id = Escaped::from_checked(b"i");
    prop_oneof![
        Just(Delta::Start { id, model: id }),
        piece.clone().prop_map(|(choice, text)| Delta::Text { choice: choice / 2, text }),
        piece.clone().prop_map(|(choice, text)| Delta::Reasoning { choice: choice / 2, text }),
        piece.clone().prop_map(|(choice, text)| Delta::Refusal { choice: choice / 2, text }),
        piece.clone().prop_map(|(choice, text)| Delta::Signature { choice: choice / 2, text }),
        (0u32..2).prop_map(|choice| Delta::Break { choice }),
        Just(Delta::Other { choice: 0, raw: b"{\"a\":\n1}" }),
        (0u32..3).prop_map(move |call| Delta::Call { choice: 0, call, id, name: id }),
        piece.prop_map(|(call, fragment)| Delta::Arguments { choice: 0, call, fragment }),
        (0u32..3).prop_map(|call| Delta::CallEnd { choice: 0, call }),
        (0u32..2).prop_map(move |choice| Delta::Finish { choice, reason: FinishReason::Length, raw: id }),
        (0u64..3).prop_map(|input| Delta::Usage(Usage { input, ..Usage::default() })),
    ]
}

proptest! {
    #[test]
    fn any_deltas_make_frames_that_parse(deltas in proptest::collection::vec(delta(), 0..40)) {
        // readers number calls as they come
        let mut next = 0;
        let deltas: Vec<_> = deltas.into_iter().map(|delta| match delta {
            Delta::Call { choice, id, name, .. } => {
                next += 1;
                Delta::Call { choice, call: next - 1, id, name }
            }
            other => other,
        }).collect();
        for format in FORMATS {
            prop_assert!(frames(format, &written(format, &deltas)) > 0);
        }
    }
}

#[test]
fn a_text_delta_is_one_frame_with_its_bytes() {
    for format in FORMATS {
        let (one, two) = (written(format, &[text("x")]), written(format, &[text("x"), text(r"y\u0041")]));
        assert_eq!(frames(format, &two), frames(format, &one) + 1);
        assert!(two.contains(r"y\u0041"), "copied, not decoded");
    }
}

#[test]
fn many_open_calls_cost_one_look_each() {
    let open = format!(r#"{{\"a\":\"{}"#, "x".repeat(1 << 18));
    let mut deltas = vec![call(0, "c", "f"), arguments(0, &open)];
    deltas.extend((0..3_000).flat_map(|_| [text("x"), Delta::Break { choice: 0 }]));
    for format in FORMATS {
        // looking at the open arguments each time would take minutes
        assert!(frames(format, &written(format, &deltas)) >= 3_000);
    }
}
