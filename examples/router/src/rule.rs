//! Which connections a route takes, and which route takes a connection.

use std::{cell::OnceCell, fmt};

use crate::{
    config::Name,
    detect::{Answer, http1, resp, ssh, tls},
};

/// What the first bytes of a connection must be. An empty list matches everything; of a list with
/// entries, one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Anything, even no bytes at all.
    Any,
    /// A ClientHello of TLS.
    Tls {
        /// Names of servers.
        names: Vec<Name>,
        /// Protocols that the client offers.
        alpn: Vec<Vec<u8>>,
    },
    /// A request of HTTP/1.
    Http {
        /// Names in the header Host.
        hosts: Vec<Name>,
        /// Beginnings of the path.
        paths: Vec<String>,
    },
    /// A command of Redis.
    Resp {
        /// Names of commands.
        commands: Vec<String>,
        /// Beginnings of the first key.
        keys: Vec<String>,
    },
    /// The banner of a client of SSH.
    Ssh,
}

/// The answers of the matchers about the same bytes. Each is asked at most once.
struct View<'a> {
    bytes: &'a [u8],
    tls: OnceCell<Answer<tls::ClientHello>>,
    http: OnceCell<Answer<http1::Request<'a>>>,
    resp: OnceCell<Answer<resp::Command<'a>>>,
}

impl<'a> View<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, tls: OnceCell::new(), http: OnceCell::new(), resp: OnceCell::new() }
    }

    fn tls(&self) -> &Answer<tls::ClientHello> {
        self.tls.get_or_init(|| tls::client_hello(self.bytes))
    }

    fn http(&self) -> &Answer<http1::Request<'a>> {
        self.http.get_or_init(|| http1::request(self.bytes))
    }

    fn resp(&self) -> &Answer<resp::Command<'a>> {
        self.resp.get_or_init(|| resp::command(self.bytes))
    }

    fn seen(&self) -> Seen {
        if let Some(Answer::Yes(hello)) = self.tls.get() {
            return Seen::Tls { name: hello.server_name.clone() };
        }
        if let Some(Answer::Yes(request)) = self.http.get() {
            return Seen::Http { host: request.host.map(|host| shown(host.as_bytes(), LONGEST_HOST)) };
        }
        match self.resp.get() {
            Some(Answer::Yes(command)) => Seen::Resp { command: shown(command.name, LONGEST_COMMAND) },
            _ => Seen::Nothing,
        }
    }
}

/// The longest host that the log shows in full: the longest DNS name.
const LONGEST_HOST: usize = 255;

/// The longest command name that the log shows in full. Those of Redis are shorter.
const LONGEST_COMMAND: usize = 32;

/// Bytes of a client as one word for the log, which is kept as long as the connection. At most this
/// many bytes, and without spaces: a space could start another field.
fn shown(bytes: &[u8], most: usize) -> String {
    let front = &bytes[..bytes.len().min(most)];
    let mut text = front.escape_ascii().to_string().replace(' ', "\\x20");
    if front.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

/// What decided the route, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Seen {
    /// No protocol that the rules know.
    #[default]
    Nothing,
    /// TLS, and the server that the client asks for.
    Tls {
        /// Its name.
        name: Option<String>,
    },
    /// HTTP/1.
    Http {
        /// The name of the server.
        host: Option<String>,
    },
    /// Redis.
    Resp {
        /// The first command.
        command: String,
    },
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, what) = match self {
            Self::Nothing => return f.write_str("-"),
            Self::Tls { name } => ("tls", name.as_deref()),
            Self::Http { host } => ("http", host.as_deref()),
            Self::Resp { command } => ("resp", Some(command.as_str())),
        };
        write!(f, "{protocol}:{}", what.unwrap_or("-"))
    }
}

/// What is known about a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The route at this place takes it, or none does.
    Decided(Option<usize>, Seen),
    /// At least this many more bytes are needed, one or more.
    Need(usize),
}

/// The first route that matches. A route is taken only when each route before it is ruled out.
///
/// With `last`, no more bytes will come: a route that needs more does not match.
pub fn decide<'r>(rules: impl IntoIterator<Item = &'r Rule>, bytes: &[u8], last: bool) -> Verdict {
    let view = View::new(bytes);
    let mut need: Option<usize> = None;
    for (place, rule) in rules.into_iter().enumerate() {
        match rule.matches(&view) {
            Answer::No(_) => {}
            Answer::Need(_) if last => {}
            // The smallest number that could change something.
            Answer::Need(n) => need = Some(need.map_or(n, |least| least.min(n))),
            Answer::Yes(()) => {
                return match need {
                    Some(n) => Verdict::Need(n),
                    None => Verdict::Decided(Some(place), view.seen()),
                };
            }
        }
    }
    match need {
        Some(n) => Verdict::Need(n),
        None => Verdict::Decided(None, view.seen()),
    }
}

impl Rule {
    fn matches(&self, view: &View<'_>) -> Answer<()> {
        match self {
            Self::Any => Answer::Yes(()),
            Self::Tls { names, alpn } => check(view.tls(), |hello| {
                one(names, |name| hello.server_name.as_deref().is_some_and(|asked| name.matches(asked)))
                    && one(alpn, |wanted| hello.alpn.contains(wanted))
            }),
            Self::Http { hosts, paths } => check(view.http(), |request| {
                one(hosts, |name| request.host.is_some_and(|host| name.matches(host)))
                    && one(paths, |path| request.path.starts_with(path.as_str()))
            }),
            Self::Resp { commands, keys } => check(view.resp(), |command| {
                one(commands, |name| command.name.eq_ignore_ascii_case(name.as_bytes()))
                    && one(keys, |key| command.key.is_some_and(|sent| sent.starts_with(key.as_bytes())))
            }),
            Self::Ssh => check(&ssh::banner(view.bytes), |_| true),
        }
    }
}

fn check<T>(answer: &Answer<T>, matches: impl FnOnce(&T) -> bool) -> Answer<()> {
    match answer {
        Answer::No(reason) => Answer::No(reason),
        Answer::Need(n) => Answer::Need(*n),
        Answer::Yes(found) if matches(found) => Answer::Yes(()),
        Answer::Yes(_) => Answer::No("another server, path or key"),
    }
}

/// Whether one entry matches, or the list is empty.
fn one<T>(wanted: &[T], does: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(does)
}
