//! Streams of real providers: every event is understood, and every stream that is whole is known to be.
//! They are no part of the project and are read where they are: `SLUICE_SHARED`, or beside the repository.
#![allow(clippy::unwrap_used, clippy::panic)]

use sluice_core::stream::framing::Framing;
use sluice_core::stream::read::{Read, Reader, detect};
use sluice_core::stream::{Assembly, Delta, Format};
use std::path::{Path, PathBuf};

/// Recorded without its end, which no reader may make up.
const CUT: &str = "parallel-tool-call-wrapper.1.sse";

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("SLUICE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    Some(shared.join("data/streams")).filter(|folder| folder.is_dir())
}

fn read(format: Format, bytes: &[u8]) -> (Assembly, usize) {
    let (mut framing, mut reader) = (Framing::sse(true, 64 << 20), Reader::new(format));
    let (mut message, mut detected, mut ends) = (Assembly::new(0), None, 0);
    let mut emit = |delta: Delta<'_>| {
        ends += usize::from(delta == Delta::End);
        message.apply(&delta).unwrap();
    };
    let mut sink = |event: &sluice_core::stream::Event<'_>| {
        detected = detected.or_else(|| detect(event));
        reader
            .read(event, &mut emit)
            .map_err(|bad| panic!("{bad:?}: {}", String::from_utf8_lossy(event.data)))
    };
    framing.push(bytes, &mut sink).unwrap();
    framing.finish(&mut sink).unwrap();
    reader.finish(&mut emit);
    assert_eq!(detected, Some(format));
    (message, ends)
}

#[test]
fn every_recorded_stream_is_read_to_its_end() {
    let Some(folder) = folder() else { return };
    let mut count = 0;
    for (name, format) in Format::ALL {
        let Ok(entries) = std::fs::read_dir(folder.join(name)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some()) {
            let (message, ends) = read(format, &std::fs::read(&path).unwrap());
            count += 1;
            assert!(message.error.is_none(), "{}", path.display());
            let first = message.first().unwrap();
            assert!(!first.parts.is_empty() || first.finish.is_some(), "{}", path.display());
            if path.ends_with(CUT) {
                assert!(ends == 0 && first.finish.is_none() && first.calls.len() == 1);
                continue;
            }
            assert!(message.choices.iter().all(|choice| choice.finish.is_some()), "{}", path.display());
            assert!(ends > 0 || format == Format::Gemini, "{}", path.display());
            let usage = message.usage.unwrap();
            assert!(usage.total() >= usage.input.max(usage.output), "{}", path.display());
            for call in &first.calls {
                let arguments = sluice_core::json::Escaped::from_checked(&call.arguments).decode();
                serde_json::from_str::<serde_json::Value>(&arguments)
                    .unwrap_or_else(|error| panic!("{}: {error}: {arguments}", path.display()));
            }
            serde_json::from_slice::<serde_json::Value>(&message.to_json(true)).unwrap();
        }
    }
    assert!(count >= 50, "{count}");
}
