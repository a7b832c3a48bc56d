//! What happens to one event: the reader's deltas go to the message and, converted, to the client.

use super::read::{Read, Reader, detect};
use super::repeat::Repeat;
use super::write::{Context, Write, Writer};
use super::{Assembly, Delta, Event, Failure, Format, FramingKind, Ids, Kept, Options};
use crate::error::Error;
use crate::json::{Bad, Escaped, write_escaped};

/// Reader, message and writer of one stream.
pub struct Pipeline {
    pub(super) options: Options,
    pub(super) format: Option<Format>,
    pub(super) assembly: Assembly,
    pub(super) upstream: Kept,
    pub(super) client: Kept,
    reader: Option<Reader>,
    repeat: Repeat,
    writer: Option<Writer>,
    id: Vec<u8>,
    model: Vec<u8>,
    /// The writer has said its last frame.
    closed: bool,
}

fn escaped(text: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    write_escaped(text.unwrap_or_default().as_bytes(), &mut out);
    out
}

impl Pipeline {
    pub(super) fn new(options: Options) -> Self {
        let mut pipeline = Self {
            format: None,
            assembly: Assembly::new(options.max_text_bytes),
            upstream: Kept::new(options.max_text_bytes),
            client: Kept::new(options.max_text_bytes),
            reader: None,
            repeat: Repeat::default(),
            writer: None,
            id: escaped(options.id.as_deref()),
            model: escaped(options.model.as_deref()),
            closed: false,
            options,
        };
        if let Some(format) = pipeline.options.from {
            pipeline.decide(format);
        }
        pipeline
    }

    fn decide(&mut self, format: Format) {
        self.format = Some(format);
        self.reader = Some(Reader::new(format));
        // a dialect in AWS frames is not what its clients read: to say it to them is a conversion
        let same = self.options.framing.is_none_or(|framing| framing == FramingKind::of(format));
        self.writer = self.options.to.filter(|to| *to != format || !same).and_then(Writer::new);
    }

    /// Whether the provider's bytes go to the client as they are.
    pub(super) fn passes(&self) -> bool {
        match self.format {
            Some(_) => self.writer.is_none(),
            None => self.options.to.is_none(),
        }
    }

    /// Whether passing through or converting is still open.
    pub(super) fn undecided(&self) -> bool {
        self.format.is_none() && self.options.to.is_some()
    }

    /// Takes one event.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        ids: &mut dyn Ids,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        if self.reader.is_none()
            && let Some(format) = detect(event)
        {
            self.decide(format);
        }
        if self.options.keep_upstream {
            self.upstream.add(event)?;
        }
        if self.options.keep_client && self.passes() {
            self.client.add(event)?;
        }
        if event.data.first() == Some(&b'{') || !event.exception.is_empty() {
            self.assembly.events += 1;
        }
        if let Some(delta) = self.repeat.hit(event) {
            return self.say(delta, ids, out);
        }
        let Some(mut reader) = self.reader.take() else { return Ok(()) };
        let (mut overflow, mut said) = (None, 0);
        let mut repeat = std::mem::take(&mut self.repeat);
        let read = reader.read(event, &mut |delta| {
            if overflow.is_none() {
                overflow = self.say(delta, ids, out).err();
            }
            said += 1;
            repeat.learn(event, &delta);
        });
        if said != 1 || read.is_err() || !reader.is_steady() {
            repeat.forget();
        }
        self.repeat = repeat;
        self.reader = Some(reader);
        match (overflow, read) {
            (Some(detail), _) => Err(detail),
            (None, Err(Bad(at))) => Err(format!("its payload is not JSON at byte {at}")),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The upstream ended, on a frame boundary or not.
    pub(super) fn end(&mut self, whole: bool, ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), String> {
        let mut overflow = None;
        if let Some(mut reader) = self.reader.take() {
            reader.finish(&mut |delta| {
                let invented = !whole && matches!(delta, Delta::Finish { .. } | Delta::End);
                if overflow.is_none() && !invented {
                    overflow = self.say(delta, ids, out).err();
                }
            });
            self.reader = Some(reader);
        }
        if let Some(detail) = overflow {
            return Err(detail);
        }
        if self.complete() { self.close(ids, out) } else { Ok(()) }
    }

    /// The provider said that it was done, in its format's way.
    pub(super) fn complete(&self) -> bool {
        let finished = || {
            let choices = &self.assembly.choices;
            matches!(self.format, Some(Format::OpenaiChat | Format::Gemini))
                && !choices.is_empty()
                && choices.iter().all(|choice| choice.finish.is_some())
        };
        self.assembly.error.is_none() && (self.assembly.ended || finished())
    }

    /// One delta: into the message, and to the client when it is converted.
    fn say(&mut self, delta: Delta<'_>, ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), String> {
        let drawn;
        let delta = match delta {
            Delta::Call { choice, call, id, name } if id.is_empty() => {
                drawn = escaped(Some(&ids.call()));
                Delta::Call { choice, call, id: Escaped::from_checked(&drawn), name }
            }
            other => other,
        };
        self.assembly.apply(&delta).map_err(|error: Error| error.detail())?;
        if self.writer.is_none() || self.closed {
            return Ok(());
        }
        match delta {
            // some upstreams say several messages one after the other: the client's end waits for the upstream's
            Delta::End => Ok(()),
            Delta::Error(failure) => self.fail(&failure, ids, out),
            delta => self.write(ids, out, |writer, context, out| writer.write(&delta, context, out)),
        }
    }

    fn close(&mut self, ids: &mut dyn Ids, out: &mut Vec<u8>) -> Result<(), String> {
        if self.closed || self.writer.is_none() {
            return Ok(());
        }
        self.closed = true;
        self.write(ids, out, |writer, context, out| writer.finish(context, out))
    }

    /// Says a failure in the client's dialect, once; nothing follows it.
    pub(super) fn fail(
        &mut self,
        failure: &Failure<'_>,
        ids: &mut dyn Ids,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        if self.closed {
            return Ok(());
        }
        self.closed = true;
        if self.writer.is_none() {
            self.writer = Writer::new(self.options.to.or(self.format).unwrap_or(Format::OpenaiChat));
        }
        self.write(ids, out, |writer, context, out| writer.fail(failure, context, out))
    }

    fn write(
        &mut self,
        ids: &mut dyn Ids,
        out: &mut Vec<u8>,
        run: impl FnOnce(&mut Writer, &Context<'_>, &mut Vec<u8>),
    ) -> Result<(), String> {
        if self.id.is_empty() {
            self.id = match self.assembly.id.as_slice() {
                b"" => escaped(Some(&ids.message())),
                told => told.to_vec(),
            };
        }
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        let model = if self.model.is_empty() { &self.assembly.model } else { &self.model };
        let context =
            Context { id: &self.id, model, created_s: self.options.created_s, message: &self.assembly };
        let start = out.len();
        run(writer, &context, out);
        if self.options.keep_client {
            for data in payloads(out.get(start..).unwrap_or_default()) {
                self.client.add(&Event { data, ..Event::default() })?;
            }
        }
        Ok(())
    }
}

/// The payloads of frames that a writer wrote: a line each, behind `data: ` or bare.
fn payloads(frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    frames.split(|byte| *byte == b'\n').filter_map(|line| {
        line.strip_prefix(b"data: ")
            .or_else(|| line.first().is_some_and(|byte| *byte == b'{').then_some(line))
    })
}
