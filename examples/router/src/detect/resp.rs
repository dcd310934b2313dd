//! RESP: the first command of a Redis client, an array of bulk strings.

use super::{Answer, LIMIT};

/// The most strings of a command, as in Redis.
pub const MAX_STRINGS: usize = 1024 * 1024;

/// The beginning of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Its name, as sent.
    pub name: &'a [u8],
    /// Its first argument, which is the key of most commands. None if it has no arguments.
    pub key: Option<&'a [u8]>,
}

/// The command at the beginning of `view`. Only its name and first argument must have arrived.
///
/// - `Yes` when the first argument is there with its line end; for a command without arguments,
///   when the name is.
/// - `No` at the first byte that is ruled out: commands are arrays, of 1 to [`MAX_STRINGS`]
///   strings; a number has no sign and no leading zero; a line ends with CR and LF; a name is not
///   empty, a string is not null, and the first two end within [`LIMIT`]. Announced lengths are
///   checked before the bytes arrive. A command as a line of text (inline) is `No` as well.
/// - `Need` is what a string lacks with its line end, or one byte of a length: with less the answer
///   stays `Need`.
///
/// Does not allocate.
pub fn command(view: &[u8]) -> Answer<Command<'_>> {
    let mut rest = Rest { view, at: 0 };
    match rest.command() {
        Ok(command) => Answer::Yes(command),
        Err(Stop::No(reason)) => Answer::No(reason),
        Err(Stop::Need(more)) => Answer::Need(more),
    }
}

enum Stop {
    No(&'static str),
    Need(usize),
}

struct Rest<'a> {
    view: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn command(&mut self) -> Result<Command<'a>, Stop> {
        if self.byte()? != b'*' {
            return Err(Stop::No("not RESP: the first byte is not that of an array"));
        }
        let strings = self.number(MAX_STRINGS, "the command has more than 1,048,576 strings")?;
        if strings == 0 {
            return Err(Stop::No("the command is empty"));
        }
        let name = self.string()?;
        if name.is_empty() {
            return Err(Stop::No("the name of the command is empty"));
        }
        let key = if strings > 1 { Some(self.string()?) } else { None };
        Ok(Command { name, key })
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.view.get(self.at).ok_or(Stop::Need(1))?;
        self.at += 1;
        Ok(byte)
    }

    fn string(&mut self) -> Result<&'a [u8], Stop> {
        const TOO_LONG: &str = "the name and the first argument are longer than 16 KiB";
        if self.byte()? != b'$' {
            return Err(Stop::No("a string of the command is not a bulk string"));
        }
        let len = self.number(LIMIT, TOO_LONG)?;
        let (start, end) = (self.at, self.at + len);
        self.at = end + 2;
        if self.at > LIMIT {
            return Err(Stop::No(TOO_LONG));
        }
        match self.view.get(end..self.at) {
            Some(b"\r\n") => Ok(&self.view[start..end]),
            Some(_) => Err(Stop::No("a string of the command is longer than announced")),
            None => Err(Stop::Need(self.at - self.view.len())),
        }
    }

    /// A number with its line end, and the reason why it may not be more than `max`.
    fn number(&mut self, max: usize, too_much: &'static str) -> Result<usize, Stop> {
        let mut number = None;
        loop {
            number = match (self.byte()?, number) {
                (b'\r', Some(number)) => {
                    return match self.byte()? {
                        b'\n' => Ok(number),
                        _ => Err(Stop::No("a number of the command is malformed")),
                    };
                }
                (digit @ b'0'..=b'9', None) => Some(usize::from(digit - b'0')),
                // Cannot overflow: at most `max` so far, which is small.
                (digit @ b'0'..=b'9', Some(1..)) => {
                    number.map(|number| number * 10 + usize::from(digit - b'0'))
                }
                _ => return Err(Stop::No("a number of the command is malformed")),
            };
            if number > Some(max) {
                return Err(Stop::No(too_much));
            }
        }
    }
}
