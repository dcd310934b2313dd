//! What the configuration of either half can get wrong, and what both halves panic with.

use std::{error, fmt, io};

/// What a future panics with that is polled again after it was ready.
pub(crate) const POLLED_AFTER_COMPLETION: &str = "future polled after completion";

/// A configuration value that cannot be used.
///
/// Names the setting, what was given and the bounds it has to keep. The configuration it was meant for is
/// unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    setting: &'static str,
    given: usize,
    min: usize,
    max: usize,
}

impl ConfigError {
    /// Checks that `given` lies in `min..=max`.
    pub(crate) fn check(setting: &'static str, given: usize, min: usize, max: usize) -> Result<(), Self> {
        if (min..=max).contains(&given) { Ok(()) } else { Err(Self { setting, given, min, max }) }
    }

    /// The name of the setting, as the builder method calls it.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// The value that was given.
    pub fn given(&self) -> usize {
        self.given
    }

    /// The smallest value the setting takes beside the ones already set.
    pub fn min(&self) -> usize {
        self.min
    }

    /// The largest value the setting takes beside the ones already set.
    pub fn max(&self) -> usize {
        self.max
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, given, min, max } = self;
        write!(f, "{setting} must be between {min} and {max}, but is {given}")
    }
}

impl error::Error for ConfigError {}

impl From<ConfigError> for io::Error {
    fn from(error: ConfigError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
