//! The same bytes, parsed at once.

use super::finder::{Kind, Width};

/// What the first frame of some bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// A frame of this many bytes.
    Frame(usize),
    /// More than there are.
    Partial,
    /// More than may be buffered: this many bytes are needed.
    TooLong(usize),
    /// A frame that the finder gets wrong for any bytes.
    Invalid,
    /// There are no bytes.
    Nothing,
}

/// Where the first frame ends as far as is known: `Err` with the bytes that have to be there before
/// more is.
pub(super) fn end(kind: &Kind, bytes: &[u8]) -> Result<usize, usize> {
    match kind {
        Kind::Delimiter { needle, .. } => {
            let at = bytes.windows(needle.len()).position(|window| window == needle);
            at.map(|at| at + needle.len()).ok_or(bytes.len() + 1)
        }
        Kind::Length(width) => {
            let (width, big_endian) = match width {
                Width::U8 => (1, true),
                Width::U16Be => (2, true),
                Width::U16Le => (2, false),
                Width::U32Be => (4, true),
                Width::U32Le => (4, false),
                Width::U64Be => (8, true),
                Width::U64Le => (8, false),
            };
            let mut header = bytes.get(..width).ok_or(width)?.to_vec();
            if big_endian {
                header.reverse();
            }
            header.resize(8, 0);
            let len = u64::from_le_bytes(header.try_into().expect("eight bytes"));
            Ok(usize::try_from(len).unwrap_or(usize::MAX).saturating_add(width))
        }
        Kind::Fixed { len, announced: true } => Ok(usize::from(*len)),
        Kind::Fixed { len, announced: false } if bytes.len() < usize::from(*len) => Err(bytes.len() + 1),
        Kind::Fixed { len, .. } => Ok(usize::from(*len)),
    }
}

/// The first frame of `bytes`, of which `limit` may be buffered.
pub(super) fn first(kind: &Kind, bytes: &[u8], limit: usize) -> First {
    if bytes.is_empty() {
        return First::Nothing;
    }
    if matches!(kind, Kind::Delimiter { needle, .. } if needle.is_empty())
        || matches!(kind, Kind::Fixed { len: 0, .. })
    {
        return First::Invalid;
    }
    match end(kind, &bytes[..bytes.len().min(limit)]) {
        Ok(needed) | Err(needed) if needed > limit => First::TooLong(needed),
        Ok(end) if end <= bytes.len() => First::Frame(end),
        _ => First::Partial,
    }
}
