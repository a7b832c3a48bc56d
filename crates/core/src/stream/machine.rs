//! The stream machine: bytes of a provider in, in any split; bytes for a client out; one message at the end.

use super::framing::Framing;
use super::pipeline::Pipeline;
use super::read::detect;
use super::{Event, Failure, Format, FramingKind, Ids, Options, Side, frame};
use crate::error::{Error, Kind};

/// What a push gives the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The pushed bytes as they are.
    Same,
    /// What was appended to the output.
    Appended,
}

/// One stream.
pub struct Machine {
    pipeline: Pipeline,
    framing: Option<Framing>,
    /// Bytes that wait for the decision between passing through and converting.
    waiting: Vec<u8>,
    /// What passed through last: ends a last event, sets an error frame apart.
    tail: u8,
    failed: Option<Error>,
    /// Output that a failing push owed.
    owed: Vec<u8>,
    finished: bool,
}

fn unreadable(offset: u64, detail: String) -> Error {
    Error::new(Kind::StreamFrame).with("offset", offset).with("detail", detail)
}

impl Machine {
    /// A machine at the start of its stream.
    pub fn new(options: Options) -> Self {
        let kind = options.framing.or(options.from.map(FramingKind::of));
        let mut machine = Self {
            pipeline: Pipeline::new(Options { framing: kind, ..options }),
            framing: None,
            waiting: Vec::new(),
            tail: b'\n',
            failed: None,
            owed: Vec::new(),
            finished: false,
        };
        if let Some(kind) = kind {
            machine.frame_as(kind);
        }
        machine
    }

    fn frame_as(&mut self, kind: FramingKind) {
        let max = self.pipeline.options.max_event_bytes;
        self.pipeline.options.framing = Some(kind);
        self.framing = Some(match kind {
            FramingKind::Sse => Framing::sse(true, max),
            FramingKind::Ndjson => Framing::ndjson(max),
            FramingKind::Aws => Framing::aws(max),
        });
    }

    /// Takes bytes in any split. What the client gets is `Same`, or has been appended to `out`. A failure stays: each
    /// later push fails alike, and what this one owed for the events before it comes with `finish` or `fail`.
    pub fn push(&mut self, chunk: &[u8], ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<Output, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.framing.is_none()
            && let Some(kind) = FramingKind::sniff(chunk)
        {
            self.frame_as(kind);
        }
        let waits = self.pipeline.undecided();
        if waits {
            self.waiting.extend_from_slice(chunk);
        }
        let start = out.len();
        let before = self.framing.as_ref().map_or(0, Framing::position);
        let result = self.feed(chunk, ids, out);
        if let Some(last) = chunk.last() {
            self.tail = *last;
        }
        if let Err((error, at)) = result {
            if self.pipeline.passes() {
                // what had waited for the decision is owed, too
                let bytes = if waits { &*self.waiting } else { chunk };
                let bad = (before + chunk.len() as u64).saturating_sub(at);
                let good = bytes.len().saturating_sub(usize::try_from(bad).unwrap_or(usize::MAX));
                self.owed.extend_from_slice(bytes.get(..good).unwrap_or_default());
            } else {
                self.owed.extend(out.drain(start..));
            }
            self.failed = Some(error.clone());
            return Err(error);
        }
        if !self.pipeline.passes() {
            if self.waiting.len() > self.pipeline.options.max_event_bytes {
                self.waiting.clear(); // comments and pings without end: nobody will miss them
            }
            return Ok(Output::Appended);
        }
        if !waits {
            return Ok(Output::Same);
        }
        out.append(&mut self.waiting);
        Ok(Output::Appended)
    }

    fn feed(&mut self, chunk: &[u8], ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), (Error, u64)> {
        let Some(framing) = self.framing.as_mut() else { return Ok(()) };
        let pipeline = &mut self.pipeline;
        let mut at = None;
        framing
            .push(chunk, &mut |event| {
                pipeline.event(event, ids, out).map_err(|detail| {
                    at = Some(event.offset);
                    unreadable(event.offset, detail)
                })
            })
            .map_err(|error| {
                let at = at.or(error.number("offset")).unwrap_or_default();
                (error, at)
            })
    }

    /// Takes one event that is parsed already, as its JSON: same state and same output as its bytes.
    pub fn push_event(&mut self, json: &[u8], ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), Error> {
        let format = self.pipeline.format.or_else(|| detect(&Event { data: json, ..Event::default() }));
        let kind = self.pipeline.options.framing.or(format.map(FramingKind::of)).unwrap_or(FramingKind::Sse);
        let mut bytes = Vec::with_capacity(json.len() + 64);
        frame::write(kind, format, json, &mut bytes);
        if self.push(&bytes, ids, out)? == Output::Same {
            out.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// The stream ended. Appends what is still due: a last event without its end, the client's end mark. A truncated
    /// stream gets neither finish reason nor end mark. A second call appends nothing.
    pub fn finish(&mut self, ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), Error> {
        out.append(&mut self.owed);
        if self.finished || self.failed.is_some() {
            return Ok(());
        }
        self.finished = true;
        let Some(framing) = self.framing.as_mut() else { return Ok(()) };
        let pipeline = &mut self.pipeline;
        let mut late = false;
        let result = framing.finish(&mut |event| {
            late = true;
            pipeline.event(event, ids, out).map_err(|detail| unreadable(event.offset, detail))
        });
        let (whole, at) = (framing.on_boundary(), framing.position());
        let result = result.and_then(|()| {
            if pipeline.passes() {
                out.append(&mut self.waiting);
                if late {
                    out.extend_from_slice(end_of_event(pipeline.options.framing, self.tail));
                }
            }
            pipeline.end(whole, ids, out).map_err(|detail| unreadable(at, detail))
        });
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Appends the error frame of the client's dialect, behind what a failed push owed. Nothing follows it.
    pub fn fail(&mut self, failure: &Failure<'_>, ids: &mut dyn Ids, out: &mut Vec<u8>) {
        out.append(&mut self.owed);
        let framing = self.pipeline.options.framing;
        if self.pipeline.options.to.is_none() && framing == Some(FramingKind::Aws) {
            return frame::write_exception(failure, out);
        }
        let cut = self.framing.as_ref().is_some_and(|framing| !framing.on_boundary());
        if cut && self.pipeline.passes() {
            // a frame that was cut off must not swallow this one
            out.extend_from_slice(end_of_event(framing, self.tail));
        }
        // the only failure here is a full list of kept events, which an error frame need not enter
        let _ = self.pipeline.fail(failure, ids, out);
    }

    /// `AssembledMessage` as JSON, but for what only the shell can make: see `Assembly::to_json`.
    pub fn message(&self) -> Vec<u8> {
        self.pipeline.assembly.to_json(self.complete())
    }

    /// The text of the answer so far, escaped.
    pub fn text(&self) -> Vec<u8> {
        self.pipeline.assembly.first().map(super::Choice::text).unwrap_or_default()
    }

    /// The provider said that it was done.
    pub fn complete(&self) -> bool {
        self.failed.is_none() && self.pipeline.complete()
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.pipeline.assembly.events
    }

    /// What the provider sends, once that is known.
    pub fn format(&self) -> Option<Format> {
        self.pipeline.format
    }

    /// How it is framed, once that is known.
    pub fn framing(&self) -> Option<FramingKind> {
        self.pipeline.options.framing
    }

    /// The stream so far ends between events.
    pub fn on_boundary(&self) -> bool {
        self.framing.as_ref().is_none_or(Framing::on_boundary)
    }

    /// The client gets frames of ours, not the provider's bytes.
    pub fn converts(&self) -> bool {
        !self.pipeline.passes()
    }

    /// The provider reported an error.
    pub fn reported(&self) -> bool {
        self.pipeline.assembly.error.is_some()
    }

    /// A side's events since the last call, as a JSON array.
    pub fn take_events(&mut self, side: Side) -> Vec<u8> {
        match side {
            Side::Client => self.pipeline.client.take(),
            Side::Upstream => self.pipeline.upstream.take(),
        }
    }
}

/// What ends an event whose bytes passed through without their end.
fn end_of_event(framing: Option<FramingKind>, tail: u8) -> &'static [u8] {
    match framing {
        Some(FramingKind::Aws) => b"",
        Some(FramingKind::Sse) if !matches!(tail, b'\n' | b'\r') => b"\n\n",
        _ => b"\n",
    }
}
