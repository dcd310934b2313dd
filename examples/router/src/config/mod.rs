//! The configuration: a TOML file that is checked as a whole before any of it is used.

mod file;
mod value;

use std::{
    collections::HashMap,
    error, fmt, fs,
    net::SocketAddr,
    num::NonZeroUsize,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_rustls::TlsAcceptor;
use toml::Spanned;

pub use file::{AcceptProxy, Balance, SendProxy};
pub use value::Name;

use crate::{rule::Rule, tls};

/// The configuration of the router.
#[derive(Debug)]
pub struct Config {
    /// The number of worker threads; by default the number of cores.
    pub threads: Option<NonZeroUsize>,
    /// How long connections may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// The address of the page with the counters.
    pub admin: Option<SocketAddr>,
    /// Groups of servers.
    pub upstreams: Vec<Upstream>,
    /// A listener.
    pub listeners: Vec<Listener>,
}

/// A group of interchangeable servers.
#[derive(Debug)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Their addresses, at least one.
    pub servers: Vec<SocketAddr>,
    /// Which one is next.
    pub balance: Balance,
    /// How long to wait for a connection to one.
    pub connect_timeout: Duration,
    /// How the client's address is announced.
    pub send_proxy: SendProxy,
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// Its address.
    pub address: SocketAddr,
    /// Whether clients send a PROXY header.
    pub accept_proxy: AcceptProxy,
    /// How long to wait for bytes that decide.
    pub detect_timeout: Duration,
    /// The most open connections.
    pub max_connections: usize,
    /// The first route that matches takes a connection.
    pub routes: Vec<Route>,
}

/// Where a connection goes.
pub struct Route {
    /// Its name in the log and the counters.
    pub name: String,
    /// Its index in [`Config::upstreams`].
    pub upstream: usize,
    /// Which connections it takes.
    pub rule: Rule,
    /// The acceptor that terminates TLS.
    pub terminate: Option<TlsAcceptor>,
    /// How long the connection may be idle.
    pub idle_timeout: Duration,
    /// Whether the kernel moves the bytes.
    pub splice: bool,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("name", &self.name).field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// An error in a file, and its place.
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    /// The number of the line, from 1, and the line.
    line: Option<(usize, String)>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.line {
            Some((number, line)) => write!(f, "{file}:{number}: {}\n    {line}", self.message),
            None => write!(f, "{file}: {}", self.message),
        }
    }
}

impl error::Error for ConfigError {}

impl Config {
    /// Reads a file. Resolves host names and reads certificates, so that nothing is missing later.
    /// Paths of certificates are relative to the directory of the file.
    ///
    /// # Errors
    ///
    /// The first error, with its line and key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let fail = |line, message| ConfigError { file: path.to_owned(), line, message };
        let text = fs::read_to_string(path).map_err(|error| fail(None, error.to_string()))?;
        let located = |fault: Fault| fail(fault.place.map(|place| line_of(&text, place)), fault.message);
        let file: file::File = toml::from_str(&text)
            .map_err(|error| located(Fault { place: error.span(), message: in_words_of_toml(error.message()) }))?;
        let directory = path.parent().unwrap_or(Path::new(""));
        resolve(file, directory).map_err(located)
    }
}

/// The message of the parser, with the brackets of a list.
fn in_words_of_toml(message: &str) -> String {
    message
        .replace("map, expected a sequence", "one section, expected several, each in [[ ]]")
        .replace("expected a sequence", "expected a list in [ ]")
}

/// An error, and the byte range of the file where it is.
struct Fault {
    place: Option<Range<usize>>,
    message: String,
}

impl Fault {
    fn at<T>(value: &Spanned<T>, message: impl Into<String>) -> Self {
        Self { place: Some(value.span()), message: message.into() }
    }
}

/// The line in which a place begins.
fn line_of(text: &str, place: Range<usize>) -> (usize, String) {
    let before = &text[..place.start.min(text.len())];
    let number = before.matches('\n').count();
    (number + 1, text.lines().nth(number).unwrap_or_default().trim().to_owned())
}

fn resolve(file: file::File, directory: &Path) -> Result<Config, Fault> {
    let mut places = HashMap::new();
    let mut upstreams = Vec::new();
    for (name, upstream) in file.upstream {
        if upstream.servers.as_ref().is_empty() {
            return Err(Fault::at(&upstream.servers, format!("upstream.{name}.servers: there is no server")));
        }
        places.insert(name.clone(), upstreams.len());
        upstreams.push(Upstream {
            name,
            servers: upstream.servers.into_inner().into_iter().map(|server| server.0).collect(),
            balance: upstream.balance,
            connect_timeout: upstream.connect_timeout.0,
            send_proxy: upstream.send_proxy,
        });
    }
    if file.listener.is_empty() {
        return Err(Fault { place: None, message: "listener: there is none, so no client could connect".into() });
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for listener in file.listener {
        let address = listener.address.as_ref().0;
        let key = format!("listener.address {address}");
        if address.port() == 0 {
            return Err(Fault::at(&listener.address, format!("{key}: a port from 1 to 65535 is needed")));
        }
        if listeners.iter().any(|other| other.address == address) {
            return Err(Fault::at(&listener.address, format!("{key}: another listener has it already")));
        }
        if listener.route.is_empty() {
            return Err(Fault::at(&listener.address, format!("{key}: it has no [[listener.route]]")));
        }
        let count = listener.route.len();
        let mut routes: Vec<Route> = Vec::new();
        for (place, spanned) in listener.route.into_iter().enumerate() {
            let at = spanned.span();
            let route = resolve_route(spanned.into_inner(), &places, listener.idle_timeout.0, directory)?;
            if route.rule == Rule::Any && place + 1 < count {
                return Err(Fault {
                    place: Some(at),
                    message: "listener.route: one without `match` takes every connection, so it has to be the last"
                        .into(),
                });
            }
            if routes.iter().any(|other| other.name == route.name) {
                return Err(Fault {
                    place: Some(at),
                    message: format!(
                        "listener.route.name: another route of the listener is called {:?}, which is the name of its \
                         upstream unless it has another: give one of them a name",
                        route.name
                    ),
                });
            }
            routes.push(route);
        }
        listeners.push(Listener {
            address,
            accept_proxy: listener.accept_proxy,
            detect_timeout: listener.detect_timeout.0,
            max_connections: listener.max_connections.get(),
            routes,
        });
    }
    Ok(Config {
        threads: file.threads,
        drain_timeout: file.drain_timeout.0,
        admin: file.admin.map(|admin| admin.address.0),
        upstreams,
        listeners,
    })
}

fn resolve_route(
    route: file::Route,
    upstreams: &HashMap<String, usize>,
    idle_timeout: Duration,
    directory: &Path,
) -> Result<Route, Fault> {
    let Some(&upstream) = upstreams.get(route.upstream.as_ref()) else {
        let name = route.upstream.as_ref();
        return Err(Fault::at(
            &route.upstream,
            format!("listener.route.upstream: there is no section [upstream.{name}]"),
        ));
    };
    let rule = route.r#match.map_or(Ok(Rule::Any), resolve_match)?;
    let mut terminate = None;
    if let Some(spanned) = route.terminate {
        if !matches!(rule, Rule::Any | Rule::Tls { .. }) {
            return Err(Fault::at(&spanned, "listener.route.terminate: `match` is not for TLS"));
        }
        if let Some(splice) = route.splice.as_ref().filter(|splice| *splice.as_ref()) {
            return Err(Fault::at(
                    splice,
                    "listener.route.splice: bytes that this program decrypts cannot stay in the kernel",
                ));
        }
        let files = spanned.as_ref();
        let (certificate, key) = (directory.join(&files.certificate), directory.join(&files.key));
        let acceptor = tls::acceptor(&certificate, &key, &files.alpn)
            .map_err(|message| Fault::at(&spanned, format!("listener.route.terminate: {message}")))?;
        terminate = Some(acceptor);
    }
    let splice = route.splice.is_some_and(Spanned::into_inner);
    Ok(Route {
        name: route.name.unwrap_or_else(|| route.upstream.into_inner()),
        upstream,
        rule,
        terminate,
        idle_timeout: route.idle_timeout.map_or(idle_timeout, |period| period.0),
        splice,
    })
}

fn resolve_match(spanned: Spanned<file::Match>) -> Result<Rule, Fault> {
    let place = Some(spanned.span());
    let wanted = spanned.into_inner();
    let mut rules = Vec::new();
    if let Some(tls) = wanted.tls {
        let alpn = tls.alpn.into_iter().map(String::into_bytes).collect();
        rules.push(Rule::Tls { names: tls.sni, alpn });
    }
    if let Some(http) = wanted.http {
        let paths = http.path.into_iter().map(|path| path.0).collect();
        rules.push(Rule::Http { hosts: http.host, paths });
    }
    if let Some(resp) = wanted.resp {
        rules.push(Rule::Resp { commands: resp.command, keys: resp.key });
    }
    if wanted.ssh == Some(true) {
        rules.push(Rule::Ssh);
    }
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => Err(Fault {
            place,
            message: "listener.route.match: exactly one of tls, http, resp and ssh = true is needed".into(),
        }),
    }
}
