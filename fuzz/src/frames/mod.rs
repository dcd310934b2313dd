//! Frames that arrive in pieces, against the same bytes parsed at once.

mod case;
mod finder;
mod oracle;
mod rest;
mod session;

pub use case::Case;

/// Takes frame after frame, and then the rest as one stream.
///
/// # Panics
///
/// If a frame, an error or the rest differs from the same bytes parsed at once.
pub fn check(case: &Case<'_>) {
    let mut session = session::Session::new(case);
    session.frames();
    rest::check(session, case);
}
