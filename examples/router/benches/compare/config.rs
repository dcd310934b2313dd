//! The proxies and their configurations.

use std::{env, fs, io, net::SocketAddr, path::Path, process::Command};

use crate::{copy, message::HOST};

pub struct Proxy {
    pub name: &'static str,
    kind: Kind,
}

enum Kind {
    Copy,
    /// With further lines of the section `defaults`.
    Haproxy {
        options: &'static str,
    },
    Nginx,
    Router {
        runtime: &'static str,
        splice: bool,
        /// The level of its log.
        log: &'static str,
    },
}

/// All are compared with the first one, and with `HAPROXY`.
pub const PROXIES: &[Proxy] = &[
    Proxy { name: "copy_bidirectional", kind: Kind::Copy },
    Proxy { name: HAPROXY, kind: Kind::Haproxy { options: "" } },
    // Splicing where haproxy detects large streams, and everywhere.
    Proxy { name: "haproxy-splice-auto", kind: Kind::Haproxy { options: "option splice-auto" } },
    Proxy {
        name: "haproxy-splice",
        kind: Kind::Haproxy { options: "option splice-request\n  option splice-response" },
    },
    Proxy { name: "nginx", kind: Kind::Nginx },
    router("router-tokio", "tokio"),
    // As it is deployed: logs a line for each connection to a file, which the others do not.
    Proxy { name: "router-tokio-log", kind: Kind::Router { runtime: "tokio", splice: false, log: "info" } },
    Proxy { name: "router-tokio-splice", kind: Kind::Router { runtime: "tokio", splice: true, log: "warn" } },
    #[cfg(feature = "smol")]
    router("router-smol", "smol"),
    #[cfg(feature = "async-std")]
    router("router-async-std", "async-std"),
];

pub const HAPROXY: &str = "haproxy";

const fn router(name: &'static str, runtime: &'static str) -> Proxy {
    Proxy { name, kind: Kind::Router { runtime, splice: false, log: "warn" } }
}

impl Proxy {
    /// Why it cannot be measured here.
    pub fn absent(&self) -> Option<String> {
        match self.kind {
            Kind::Haproxy { .. } => output(Command::new("haproxy").arg("-v")).err(),
            Kind::Nginx => stream_module().err(),
            Kind::Copy | Kind::Router { .. } => None,
        }
    }

    /// The command that starts it, to carry connections from `from` to `to`.
    pub fn command(&self, from: SocketAddr, to: SocketAddr, directory: &Path) -> Result<Command, String> {
        let (mut command, config) = match self.kind {
            Kind::Copy => {
                let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
                command.args([copy::COMMAND.to_owned(), from.to_string(), to.to_string()]);
                return Ok(command);
            }
            Kind::Haproxy { options } => {
                let mut command = Command::new("haproxy");
                // In the foreground, without a master process.
                command.args(["-db", "-q", "-f"]);
                (command, haproxy(from, to, options))
            }
            Kind::Nginx => {
                let mut command = Command::new("nginx");
                command.arg("-p").arg(directory).args(["-e", "stderr", "-c"]);
                (command, nginx(from, to, &stream_module()?))
            }
            Kind::Router { runtime, splice, log } => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_router"));
                command.args(["--runtime", runtime, "--log", log]);
                (command, by_host(from, to, splice))
            }
        };
        let file = directory.join(format!("{}.conf", self.name));
        fs::write(&file, config).map_err(|error| format!("{}: {error}", file.display()))?;
        command.arg(file);
        Ok(command)
    }
}

/// It forwards without looking at the bytes, which is the least work.
fn haproxy(from: SocketAddr, to: SocketAddr, options: &str) -> String {
    format!(
        "global\n  nbthread 1\n  maxconn 2000\n\
         defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10m\n  timeout server 10m\n  {options}\n\
         listen all\n  bind {from}\n  server backend {to}\n"
    )
}

/// It also forwards without looking at the bytes.
fn nginx(from: SocketAddr, to: SocketAddr, module: &str) -> String {
    format!(
        "{module}\ndaemon off;\nmaster_process off;\nworker_processes 1;\npid nginx.pid;\n\
         events {{ worker_connections 4000; }}\n\
         stream {{ access_log off; server {{ listen {from}; proxy_pass {to}; }} }}\n"
    )
}

fn by_host(from: SocketAddr, to: SocketAddr, splice: bool) -> String {
    format!(
        "threads = 1\n[upstream.backend]\nservers = [\"{to}\"]\n\
         [[listener]]\naddress = \"{from}\"\n\
         [[listener.route]]\nupstream = \"backend\"\nmatch.http.host = [\"{HOST}\"]\nsplice = {splice}\n"
    )
}

/// The line that loads the stream module of nginx, unless it is built in.
fn stream_module() -> Result<String, String> {
    let told = output(Command::new("nginx").arg("-V"))?;
    let mut options = told.split_whitespace();
    if options.clone().any(|option| option == "--with-stream") {
        return Ok(String::new());
    }
    if !options.clone().any(|option| option == "--with-stream=dynamic") {
        return Err("this nginx is built without the module stream".to_owned());
    }
    let directory = options.find_map(|option| option.strip_prefix("--modules-path="));
    let module = Path::new(directory.unwrap_or("modules")).join("ngx_stream_module.so");
    if module.is_absolute() && !module.exists() {
        return Err(format!("the module stream of nginx is not installed: {}", module.display()));
    }
    Ok(format!("load_module {};", module.display()))
}

fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("{program} is not in PATH")),
        Err(error) => Err(format!("{program} cannot be started: {error}")),
    }
}
