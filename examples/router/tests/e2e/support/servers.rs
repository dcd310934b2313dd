//! Servers for the router to pass connections on to.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use super::{
    client::{patient, read_all, write_all},
    program::{Program, directory, free_port},
};

/// nginx with these sections, servers and files.
pub(crate) fn nginx(http: &str, outside: &str, ports: &[u16], files: &[(&str, &[u8])]) -> Program {
    let load =
        if outside.is_empty() { "" } else { "load_module /usr/lib/nginx/modules/ngx_stream_module.so;" };
    // One process, so that ending it ends everything.
    let configuration = format!(
        "{load} daemon off; master_process off; pid nginx.pid; error_log stderr; \
         events {{ worker_connections 4096; }} {outside} \
         http {{ access_log off; default_type text/plain; client_max_body_size 64m; \
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5; \
         {http} }}"
    );
    let directory = directory(&[files, &[("nginx.conf", configuration.as_bytes())]].concat());
    let prefix = directory.path().to_str().unwrap().to_owned();
    Program::start(Path::new("nginx"), &["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"], directory)
        .accepting(ports)
}

pub(crate) fn haproxy(sections: &str, ports: &[u16]) -> Program {
    let configuration =
        format!("defaults\n timeout connect 30s\n timeout client 30s\n timeout server 30s\n{sections}\n");
    let directory = directory(&[("haproxy.cfg", configuration.as_bytes())]);
    Program::start(Path::new("haproxy"), &["-db", "-f", "haproxy.cfg"], directory).accepting(ports)
}

pub(crate) fn redis() -> (Program, u16) {
    let port = free_port();
    let number = port.to_string();
    let arguments = ["--port", &number, "--bind", "127.0.0.1", "--save", "", "--logfile", ""];
    (Program::start(Path::new("redis-server"), &arguments, directory(&[])).accepting(&[port]), port)
}

/// A server that does this with each connection, in a thread of its own.
pub(crate) fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    serve_on(TcpListener::bind("127.0.0.1:0").unwrap(), each)
}

fn serve_on(listener: TcpListener, each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let each = each.clone();
            thread::spawn(move || each(patient(stream)));
        }
    });
    address
}

/// An echo server that sends a greeting first, and counts connections.
pub(crate) struct Greeter {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Arc<AtomicUsize>,
    /// How many are open, and the most that were open.
    pub(crate) open: Arc<Mutex<(usize, usize)>>,
}

impl Greeter {
    pub(crate) fn new(greeting: &'static str) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(Mutex::new((0, 0)));
        let address = serve({
            let (accepted, open) = (accepted.clone(), open.clone());
            move |stream| {
                accepted.fetch_add(1, SeqCst);
                {
                    let mut open = open.lock().unwrap();
                    open.0 += 1;
                    open.1 = open.1.max(open.0);
                }
                write_all(&stream, greeting.as_bytes());
                _ = std::io::copy(&mut &stream, &mut &stream);
                // Counted before the client can see the end.
                open.lock().unwrap().0 -= 1;
            }
        });
        Self { address, accepted, open }
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}

/// A server that reads to the end, then sends everything back.
pub(crate) fn mirror() -> SocketAddr {
    serve(|stream| {
        let (bytes, _) = read_all(&stream);
        write_all(&stream, &bytes);
    })
}
