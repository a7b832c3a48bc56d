//! Undoing a content coding, with the cap checked inside the loop: neither time nor memory is spent beyond it.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status, bufread::GzDecoder};
use sluice_core::error::{Error, Kind};
use std::io::Read;
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// gzip, of one or several members.
    Gzip,
    /// zlib, or raw deflate as some clients send it.
    Deflate,
    /// Brotli, without large windows.
    Brotli,
    /// zstd, of one or several frames, with windows of at most 8 MiB.
    Zstd,
}
impl Coding {
    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }
}

/// As the specification of zstd advises for the web.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const BLOCK_BYTES: usize = 64 * 1024;
const TRUNCATED: &str = "the data ends too early";
const TRAILING: &str = "there are bytes behind the end of the data";

/// Decodes a whole body. Nothing at all is an empty body.
pub fn inflate(coding: Coding, input: &[u8], max_bytes: usize) -> Result<Vec<u8>, Error> {
    let mut output = Output { coding, bytes: Vec::new(), max_bytes };
    if input.is_empty() {
        return Ok(output.bytes);
    }
    let mut block = vec![0; BLOCK_BYTES];
    match coding {
        Coding::Gzip => gzip(input, &mut block, &mut output)?,
        Coding::Deflate => deflate(input, &mut block, &mut output)?,
        Coding::Brotli => brotli(input, &mut block, &mut output)?,
        Coding::Zstd => zstd(input, &mut block, &mut output)?,
    }
    Ok(output.bytes)
}

struct Output {
    coding: Coding,
    bytes: Vec<u8>,
    max_bytes: usize,
}
impl Output {
    fn take(&mut self, decoded: &[u8]) -> Result<(), Error> {
        let length = self.bytes.len() + decoded.len();
        if length > self.max_bytes {
            return Err(Error::new(Kind::BodyTooLarge)
                .with("limit", self.max_bytes)
                .with("received", length));
        }
        if length > self.bytes.capacity() {
            // doubling, but never beyond the cap
            let wanted = (self.bytes.capacity() * 2).max(length).min(self.max_bytes);
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(decoded);
        Ok(())
    }
    fn damaged(&self, detail: impl ToString) -> Error {
        Error::new(Kind::BodyEncoding).with("encoding", self.coding.name()).with("detail", detail.to_string())
    }
}

fn gzip(mut input: &[u8], block: &mut [u8], output: &mut Output) -> Result<(), Error> {
    while !input.is_empty() {
        let mut member = GzDecoder::new(input);
        loop {
            match member.read(block) {
                Ok(0) => break,
                Ok(count) => output.take(block.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(output.damaged(TRUNCATED));
                }
                Err(error) => return Err(output.damaged(error)),
            }
        }
        input = member.into_inner();
    }
    Ok(())
}

fn deflate(input: &[u8], block: &mut [u8], output: &mut Output) -> Result<(), Error> {
    let zlib = matches!(input, [a, b, ..] if a & 0x0F == 8 && (u32::from(*a) << 8 | u32::from(*b)) % 31 == 0);
    let mut decoder = Decompress::new(zlib);
    loop {
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let rest = input.get(read as usize..).unwrap_or_default();
        let status =
            decoder.decompress(rest, block, FlushDecompress::None).map_err(|error| output.damaged(error))?;
        let count = (decoder.total_out() - written) as usize;
        output.take(block.get(..count).unwrap_or_default())?;
        match status {
            Status::StreamEnd if decoder.total_in() as usize == input.len() => return Ok(()),
            Status::StreamEnd => return Err(output.damaged(TRAILING)),
            // neither read nor wrote anything: it waits for more
            _ if count == 0 && decoder.total_in() == read => return Err(output.damaged(TRUNCATED)),
            _ => {}
        }
    }
}

fn brotli(input: &[u8], block: &mut [u8], output: &mut Output) -> Result<(), Error> {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut available, mut offset, mut total) = (input.len(), 0, 0);
    loop {
        let (mut free, mut count) = (block.len(), 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut offset,
            input,
            &mut free,
            &mut count,
            block,
            &mut total,
            &mut state,
        );
        output.take(block.get(..count).unwrap_or_default())?;
        match result {
            BrotliResult::ResultSuccess if available == 0 => return Ok(()),
            BrotliResult::ResultSuccess => return Err(output.damaged(TRAILING)),
            BrotliResult::NeedsMoreInput => return Err(output.damaged(TRUNCATED)),
            BrotliResult::ResultFailure => return Err(output.damaged("the data is corrupt")),
            BrotliResult::NeedsMoreOutput => {}
        }
    }
}

fn zstd(input: &[u8], block: &mut [u8], output: &mut Output) -> Result<(), Error> {
    let mut decoder = Decoder::new().map_err(|error| output.damaged(error))?;
    decoder
        .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))
        .map_err(|error| output.damaged(error))?;
    let mut at = 0;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let status = decoder.run_on_buffers(rest, block).map_err(|error| output.damaged(error))?;
        output.take(block.get(..status.bytes_written).unwrap_or_default())?;
        at += status.bytes_read;
        if status.remaining == 0 && at == input.len() {
            return Ok(());
        }
        if status.bytes_read == 0 && status.bytes_written == 0 {
            return Err(output.damaged(TRUNCATED));
        }
    }
}
