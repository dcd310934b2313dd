//! The configuration values that are more than a number or a string.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use serde::Deserialize;

/// A duration above zero, such as `"30s"` or `"2m 30s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match humantime::parse_duration(&text) {
            Ok(Duration::ZERO) => Err("a time of 0 would always be over".to_owned()),
            Ok(period) => Ok(Self(period)),
            Err(error) => Err(format!("{text:?} is not a time such as \"30s\" or \"5m\": {error}")),
        }
    }
}

/// An address and a port to listen at. Not a name, which might have several addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub SocketAddr);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not an address to listen at, such as \"127.0.0.1:80\" or \"[::]:80\""))
    }
}

/// The address and port of a server, or a name that is resolved when the file is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Server(pub SocketAddr);

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_socket_addrs().map(|mut found| found.next()) {
            Ok(Some(address)) => Ok(Self(address)),
            Ok(None) => Err(format!("{text:?} has no address")),
            Err(error) => {
                Err(format!("{text:?} is not an address such as \"127.0.0.1:80\" or \"host:80\": {error}"))
            }
        }
    }
}

/// The beginning of the path of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PathStart(pub String);

impl TryFrom<String> for PathStart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') || text == "*" {
            return Ok(Self(text));
        }
        Err(format!("{text:?} begins no path: paths begin with \"/\""))
    }
}

/// A server name: exactly one, or any name with one more label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Name {
    /// Exactly this one, in lower case.
    Exact(String),
    /// One label, then this, which begins with a dot.
    Wildcard(String),
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, wildcard) = match text.strip_prefix('*') {
            Some(rest) => (rest.strip_prefix('.'), true),
            None => (Some(text.as_str()), false),
        };
        let name = name.filter(|name| !name.is_empty() && !name.contains('*'));
        let Some(name) = name else {
            return Err(format!(
                "{text:?} is not a name such as \"example.com\" or \"*.example.com\"; \"*.\" stands in front only"
            ));
        };
        // A name that a client asks for contains none of these, so such a pattern would never
        // match.
        let address = name.starts_with('[') && name.ends_with(']');
        if !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && (address || byte != b':')) {
            return Err(format!(
                "{text:?} is not a name such as \"example.com\": it has no scheme, no port and no path, and is in ASCII"
            ));
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        Ok(if wildcard { Self::Wildcard(format!(".{name}")) } else { Self::Exact(name) })
    }
}

impl Name {
    /// Whether this matches `name`, in any case. The matchers have removed a dot at its end.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.eq_ignore_ascii_case(name),
            Self::Wildcard(suffix) => match name.find('.') {
                Some(dot) if dot > 0 => suffix.eq_ignore_ascii_case(&name[dot..]),
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let name = |text: &str| Name::try_from(text.to_owned());
        let wildcard = name("*.Example.com").unwrap();
        for (tried, matches) in [
            ("a.example.com", true),
            ("A.EXAMPLE.COM", true),
            ("example.com", false),
            (".example.com", false),
            ("a.example.com.", false),
            ("a.b.example.com", false),
            ("aexample.com", false),
            ("a.example.org", false),
            ("", false),
        ] {
            assert_eq!(wildcard.matches(tried), matches, "{tried:?}");
        }
        assert!(name("example.com.").unwrap().matches("EXAMPLE.com"));
        assert!(name("[::1]").unwrap().matches("[::1]"));
        for bad in ["", "*", "*.", "*example.com", "a.*.com", "*.*.com", "a.com:80", "http://a.com", "a.com/b", "ä.com"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
