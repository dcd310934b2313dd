//! SSH: the identification that a client may send before the server does.

use super::Answer;

/// The longest identification, with its line end (RFC 4253, section 4.2).
pub const MAX_BANNER: usize = 255;

const PREFIX: &[u8] = b"SSH-2.0-";

/// The identification of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Banner<'a> {
    /// The software and its version, without what follows a space, such as `OpenSSH_9.2p1`.
    pub version: &'a str,
}

/// The identification at the beginning of `view`.
///
/// - `Yes` when its line end is there, which is CR and LF.
/// - `No` at the first byte that is ruled out: it begins with `SSH-2.0-`, the version is printable
///   ASCII and not empty, there are no control characters; also when it is longer than
///   [`MAX_BANNER`].
/// - `Need` is always of one byte: the end of a line is not announced.
///
/// Does not allocate, and looks at no more than [`MAX_BANNER`] bytes.
pub fn banner(view: &[u8]) -> Answer<Banner<'_>> {
    let view = &view[..view.len().min(MAX_BANNER)];
    let Some(line) = view.strip_prefix(PREFIX) else {
        return if PREFIX.starts_with(view) { Answer::Need(1) } else { Answer::No("not SSH 2.0") };
    };
    let end = line.iter().position(u8::is_ascii_control).unwrap_or(line.len());
    let version = line[..end].split(|byte| *byte == b' ').next().unwrap_or_default();
    if version.is_empty() && !line.is_empty() {
        return Answer::No("the version of SSH is empty");
    }
    let Some(version) = str::from_utf8(version).ok().filter(|version| version.is_ascii()) else {
        return Answer::No("the version of SSH is not ASCII");
    };
    match &line[end..] {
        [b'\r', b'\n', ..] => Answer::Yes(Banner { version }),
        [] | [b'\r'] if view.len() < MAX_BANNER => Answer::Need(1),
        [] | [b'\r'] => Answer::No("the identification of SSH is longer than 255 bytes"),
        _ => Answer::No("the identification of SSH has a control character"),
    }
}
