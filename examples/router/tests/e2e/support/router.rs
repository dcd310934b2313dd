//! The router as a program.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    path::Path,
};

use super::program::{Program, directory, free_port, local};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_router");

#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) runtime: &'static str,
    pub(crate) splice: bool,
}

/// A configuration with one listener.
pub(crate) struct Configuration {
    mode: Mode,
    general: String,
    upstreams: String,
    listener: String,
    routes: String,
    files: Vec<(String, Vec<u8>)>,
    host: &'static str,
    port: u16,
    admin: u16,
}

/// A router that runs.
pub(crate) struct Router {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Mode {
    pub(crate) fn router(self) -> Configuration {
        let [port, admin] = [free_port(), free_port()];
        let empty = String::new;
        Configuration {
            mode: self,
            general: empty(),
            upstreams: empty(),
            listener: empty(),
            routes: empty(),
            files: Vec::new(),
            host: "127.0.0.1",
            port,
            admin,
        }
    }
}

impl Configuration {
    /// The keys before all sections.
    pub(crate) fn general(mut self, keys: &str) -> Self {
        self.general = keys.into();
        self
    }

    pub(crate) fn upstream(self, name: &str, servers: &[SocketAddr]) -> Self {
        self.upstream_with(name, servers, "")
    }

    pub(crate) fn upstream_with(mut self, name: &str, servers: &[SocketAddr], keys: &str) -> Self {
        let servers: Vec<_> = servers.iter().map(|address| format!("\"{address}\"")).collect();
        let servers = servers.join(", ");
        writeln!(self.upstreams, "[upstream.{name}]\nservers = [{servers}]\n{keys}").unwrap();
        self
    }

    pub(crate) fn listener(mut self, keys: &str) -> Self {
        self.listener = keys.into();
        self
    }

    /// A route to the upstream of that name, and called like it; without keys it is the default.
    pub(crate) fn route(mut self, upstream: &str, keys: &str) -> Self {
        // Names must differ.
        let before = self.routes.matches(&format!("upstream = \"{upstream}\"")).count();
        let name = if before == 0 { upstream.into() } else { format!("{upstream}-{before}") };
        let routes = &mut self.routes;
        writeln!(routes, "[[listener.route]]\nname = \"{name}\"\nupstream = \"{upstream}\"\n{keys}").unwrap();
        if self.mode.splice && !keys.contains("terminate") {
            self.routes.push_str("splice = true\n");
        }
        self
    }

    /// A file beside the configuration.
    pub(crate) fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.push((name.into(), content.as_ref().into()));
        self
    }

    /// The same listener, to be filled with other routes.
    pub(crate) fn emptied(&self) -> Self {
        let Self { port, admin, mode, .. } = *self;
        Self { port, admin, ..mode.router() }
    }

    /// At all addresses of this host, also those of IPv6.
    pub(crate) fn everywhere(mut self) -> Self {
        self.host = "[::]";
        self
    }

    /// At another address.
    pub(crate) fn elsewhere(mut self) -> Self {
        self.port = free_port();
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { general, upstreams, listener, routes, host, port, admin, .. } = self;
        format!(
            "{general}\n[admin]\naddress = \"127.0.0.1:{admin}\"\n{upstreams}\n\
             [[listener]]\naddress = \"{host}:{port}\"\n{listener}\n{routes}"
        )
    }

    #[track_caller]
    pub(crate) fn start(&self) -> Router {
        self.start_by(BINARY, &[])
    }

    /// Starts it without waiting for it.
    pub(crate) fn launch(&self, program: &str, arguments: &[&str]) -> Program {
        let text = self.text();
        let mut files = vec![("router.toml", text.as_bytes())];
        files.extend(self.files.iter().map(|(name, content)| (name.as_str(), content.as_slice())));
        let arguments = [arguments, &["--runtime", self.mode.runtime, "router.toml"]].concat();
        Program::start(Path::new(program), &arguments, directory(&files))
    }

    /// Like [`start_by`](Self::start_by), without waiting for output.
    pub(crate) fn start_unheard(&self, program: &str, arguments: &[&str]) -> Router {
        let program = self.launch(program, arguments);
        Router { program, address: local(self.port), admin: local(self.admin) }
    }

    /// Starts it with another program, which gets the router and its arguments after `arguments`.
    #[track_caller]
    pub(crate) fn start_by(&self, program: &str, arguments: &[&str]) -> Router {
        let router = self.start_unheard(program, arguments);
        router.log.wait_for(1, &["listening", &format!("{}:{}", self.host, self.port)]);
        router
    }
}

impl Router {
    /// Writes the configuration again.
    pub(crate) fn rewrite(&self, text: &str) {
        std::fs::write(self.path().join("router.toml"), text).unwrap();
    }
}

impl Deref for Router {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl DerefMut for Router {
    fn deref_mut(&mut self) -> &mut Program {
        &mut self.program
    }
}
