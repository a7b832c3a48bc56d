//! Codings against streams that other encoders wrote. Brotli fixtures are bytes: there is no encoder here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

use flate2::{Compression, write};
use sluice_core::error::Kind;
use sluice_io::inflate::{Coding, inflate};
use std::io::Write;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const TEXT: &[u8] = b"sluice sluice sluice sluice 0123456789";
/// `TEXT` as Node's zlib.brotliCompressSync writes it.
const BROTLI: &[u8] = include_bytes!("text.br");
/// 200 MB of zeros.
const BROTLI_BOMB: &[u8] = include_bytes!("zeros.br");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
fn all() -> [(Coding, Vec<u8>); 5] {
    [
        (Coding::Gzip, gzip(TEXT)),
        (Coding::Deflate, zlib(TEXT)),
        (Coding::Deflate, raw(TEXT)),
        (Coding::Brotli, BROTLI.to_vec()),
        (Coding::Zstd, zstd(TEXT)),
    ]
}

#[test]
fn every_coding_decodes() {
    for (coding, bytes) in all() {
        assert_eq!(inflate(coding, &bytes, TEXT.len()).unwrap(), TEXT, "{coding:?}");
        assert_eq!(inflate(coding, &[], 1).unwrap(), b"");
    }
}

#[test]
fn the_cap_is_exact() {
    for (coding, bytes) in all() {
        let error = inflate(coding, &bytes, TEXT.len() - 1).unwrap_err();
        assert_eq!(error.kind, Kind::BodyTooLarge, "{coding:?}");
    }
}

#[test]
fn truncated_and_trailing_data_are_errors() {
    for (coding, bytes) in all() {
        for cut in 1..bytes.len() {
            let error = inflate(coding, &bytes[..cut], MIB).expect_err(&format!("{coding:?} cut at {cut}"));
            assert_eq!(error.kind, Kind::BodyEncoding);
        }
        for tail in [b"\0".as_slice(), b"x", b"{}{}{}{}{}{}{}{}{}{}"] {
            let error =
                inflate(coding, &[&bytes, tail].concat(), MIB).expect_err(&format!("{coding:?} with a tail"));
            assert_eq!(error.kind, Kind::BodyEncoding);
        }
    }
}

#[test]
fn further_members_count_towards_the_cap() {
    let twice = [gzip(TEXT), gzip(TEXT)].concat();
    assert_eq!(inflate(Coding::Gzip, &twice, 2 * TEXT.len()).unwrap(), [TEXT, TEXT].concat());
    assert_eq!(inflate(Coding::Gzip, &twice, 2 * TEXT.len() - 1).unwrap_err().kind, Kind::BodyTooLarge);
    let empty = gzip(b"").repeat(1000);
    assert_eq!(inflate(Coding::Gzip, &empty, 1).unwrap(), b"");
}

#[test]
fn damage_is_found() {
    for (coding, bytes) in all() {
        let mut other = b"definitely not compressed".to_vec();
        assert_eq!(inflate(coding, &other, MIB).unwrap_err().kind, Kind::BodyEncoding, "{coding:?}");
        other.clear();
        if coding == Coding::Gzip {
            let mut damaged = bytes.clone();
            let crc = damaged.len() - 5;
            damaged[crc] ^= 1;
            assert_eq!(inflate(coding, &damaged, MIB).unwrap_err().kind, Kind::BodyEncoding);
        }
    }
}

/// How long a bomb takes to be refused, at best.
fn refused(coding: Coding, bomb: &[u8]) -> Duration {
    let took = (0..5).map(|_| {
        let start = Instant::now();
        assert_eq!(inflate(coding, bomb, MIB).unwrap_err().kind, Kind::BodyTooLarge);
        start.elapsed()
    });
    took.min().unwrap()
}
#[test]
fn a_bomb_is_stopped_at_the_cap() {
    let (small, large) = (vec![0; 2 * MIB], vec![0; 16 * MIB]);
    for (coding, encode) in
        [(Coding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Coding::Deflate, zlib), (Coding::Zstd, zstd)]
    {
        let (small, large) = (refused(coding, &encode(&small)), refused(coding, &encode(&large)));
        assert!(large < small * 4, "{coding:?}: 2 MiB {small:?}, 16 MiB {large:?}");
    }
    // 200 MB of it take no more than another coding's 2
    let (brotli, other) = (refused(Coding::Brotli, BROTLI_BOMB), refused(Coding::Gzip, &gzip(&small)));
    assert!(brotli < other * 20, "{brotli:?}; gzip {other:?}");
}

#[test]
fn memory_stays_within_the_cap() {
    let decoded = inflate(Coding::Gzip, &gzip(&vec![7; MIB + 1]), MIB + 1).unwrap();
    assert!(decoded.capacity() <= MIB + 1);
}

#[test]
fn windows_beyond_8_mib_are_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(&vec![1; 20 * MIB]).unwrap();
    let bytes = encoder.finish().unwrap();
    assert_eq!(inflate(Coding::Zstd, &bytes, 64 * MIB).unwrap_err().kind, Kind::BodyEncoding);
}
