//! Media types, data URLs, and what a file's name or first bytes tell.

use super::model::{Media, MediaKind, Source};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const BY_EXTENSION: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
];

impl MediaKind {
    /// By media type.
    pub fn of(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            Some("video") => MediaKind::Video,
            _ => MediaKind::File,
        }
    }
    /// What error texts call it.
    pub fn name(self) -> &'static str {
        match self {
            MediaKind::Image => "an image",
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
            MediaKind::File => "a file",
        }
    }
}

/// The media type that a name or address ends in.
fn by_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    BY_EXTENSION.iter().find(|(known, _)| *known == extension).map(|(_, mime)| *mime)
}

/// The media type that the first bytes of base64 tell.
fn by_data(data: &str) -> Option<&'static str> {
    let known = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi", "application/pdf"),
    ];
    known.iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| *mime)
}

impl Media {
    /// Media of a kind, in base64.
    pub fn base64(kind: MediaKind, mime: Option<&str>, data: &str) -> Self {
        let mime = mime.map(normal_mime);
        let kind = match &mime {
            Some(mime) if kind == MediaKind::Image => MediaKind::of(mime), // some send documents as images
            _ => kind,
        };
        Self { kind, mime, source: Source::Base64(data.to_owned()), name: None, detail: None }
    }
    /// Media of a kind at an address, which may be a data URL.
    pub fn url(kind: MediaKind, url: &str) -> Self {
        let source = match parse_data_url(url) {
            Some((mime, data)) => return Self::base64(kind, mime.as_deref(), &data),
            // other schemes name files in a store (`gs:`) or on a disk
            None if url.starts_with("https:") || url.starts_with("http:") => Source::Url(url.to_owned()),
            None => Source::Stored,
        };
        Self { kind, mime: None, source, name: None, detail: None }
    }
    /// Its media type: as given, by its name, address or first bytes, or the kind's most common one.
    pub fn mime(&self) -> &str {
        let address = match &self.source {
            Source::Url(url) => by_name(url),
            Source::Base64(data) => by_data(data),
            _ => None,
        };
        let known = self.mime.as_deref().or_else(|| self.name.as_deref().and_then(by_name)).or(address);
        known.unwrap_or(match self.kind {
            MediaKind::Image => "image/png",
            MediaKind::Audio => "audio/wav",
            MediaKind::Video => "video/mp4",
            MediaKind::File => "application/pdf",
        })
    }
    /// The text of a plain-text document that is at hand.
    pub fn plain_text(&self) -> Option<String> {
        match &self.source {
            Source::Base64(data) if self.mime().starts_with("text/") => {
                String::from_utf8(LENIENT.decode(data).ok()?).ok()
            }
            _ => None,
        }
    }
    /// Its address: a data URL, or where it can be fetched.
    pub fn address(&self) -> Option<String> {
        match &self.source {
            Source::Base64(data) => Some(format!("data:{};base64,{data}", self.mime())),
            Source::Url(url) => Some(url.clone()),
            Source::OpenaiFile(_) | Source::Stored => None,
        }
    }
}

fn normal_mime(mime: &str) -> String {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if mime == "image/jpg" { "image/jpeg".to_owned() } else { mime }
}

/// Media type and base64 of a data URL.
fn parse_data_url(url: &str) -> Option<(Option<String>, String)> {
    let scheme = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, data) = url.get(scheme.len()..)?.split_once(',')?;
    let mime = Some(normal_mime(head)).filter(|mime| !mime.is_empty());
    if head.to_ascii_lowercase().ends_with(";base64") {
        return Some((mime, data.to_owned()));
    }
    Some((mime.or_else(|| Some("text/plain".to_owned())), STANDARD.encode(percent_decoded(data))))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                out.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_taken_apart() {
        let media = Media::url(MediaKind::Image, "data:image/JPG;base64,/9j/4A==");
        assert_eq!((media.mime(), &media.source), ("image/jpeg", &Source::Base64("/9j/4A==".to_owned())));
        let text = Media::url(MediaKind::File, "data:,a%20b%zz");
        assert_eq!(text.plain_text().as_deref(), Some("a b%zz"));
        assert_eq!(Media::url(MediaKind::Image, "gs://bucket/x.png").source, Source::Stored);
    }

    #[test]
    fn an_unknown_media_type_is_guessed_from_name_address_or_bytes() {
        assert_eq!(Media::url(MediaKind::Image, "https://a.test/x.WEBP?w=1").mime(), "image/webp");
        assert_eq!(Media::base64(MediaKind::Image, None, "R0lGODlhAQ").mime(), "image/gif");
        assert_eq!(Media::base64(MediaKind::File, None, "AAAA").mime(), "application/pdf");
    }
}
