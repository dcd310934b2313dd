//! Flags of a run that another command takes several values of, or decides itself.

use clap::{
    Arg, ArgAction, ArgMatches,
    error::{Error, ErrorKind},
    parser::ValueSource,
};

/// The flag, now with several values, separated by commas.
pub(super) fn list<const N: usize>(flag: Arg, default: [&'static str; N]) -> Arg {
    flag.action(ArgAction::Append).value_delimiter(',').default_values(default)
}

/// The values of such a flag, each once.
pub(super) fn values(matches: &ArgMatches, id: &str) -> Vec<usize> {
    let mut values = Vec::new();
    for &value in matches.get_many(id).into_iter().flatten() {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// That a flag was not given.
///
/// # Errors
///
/// Who decides instead.
pub(super) fn not_given(matches: &ArgMatches, id: &str, instead: &str) -> Result<(), Error> {
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return Ok(());
    }
    let flag = id.replace('_', "-");
    Err(Error::raw(ErrorKind::ArgumentConflict, format!("--{flag} cannot be given: {instead}\n")))
}
