//! Why a connection is over.

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both sides closed normally.
    Closed,
    /// Nothing moved for too long.
    Idle,
    /// The connection to the client failed.
    ClientError,
    /// The connection to the server failed.
    UpstreamError,
    /// The client closed before a route was decided.
    ClientLeft,
    /// No route takes it.
    NoRoute,
    /// Its PROXY header is wrong, or is missing.
    BadProxyHeader,
    /// The handshake of TLS failed.
    TlsFailed,
    /// No server could be reached.
    Unreachable,
    /// The program ended.
    Cut,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::Idle,
        Self::ClientError,
        Self::UpstreamError,
        Self::ClientLeft,
        Self::NoRoute,
        Self::BadProxyHeader,
        Self::TlsFailed,
        Self::Unreachable,
        Self::Cut,
    ];

    /// Its name in the log and the counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::ClientError => "client_error",
            Self::UpstreamError => "upstream_error",
            Self::ClientLeft => "client_left",
            Self::NoRoute => "no_route",
            Self::BadProxyHeader => "bad_proxy_header",
            Self::TlsFailed => "tls_failed",
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
        }
    }
}
