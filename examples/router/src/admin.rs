//! A page with the counters, and `/metrics` for Prometheus.

use std::{fmt::Write, io, sync::Arc, time::Duration};

use futures_handoff::HandoffBuffer;
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tracing::debug;

use crate::{
    detect::{Answer, LIMIT, http1},
    net::{Runtime, within},
    reason::Reason,
    state::State,
};

/// How long a client may take for a request and its response.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait after a failed `accept`.
const PAUSE: Duration = Duration::from_millis(100);

/// The most clients at a time. More clients wait, so that they take no descriptors from the
/// listeners.
const AT_ONCE: usize = 16;

/// Serves the page and the metrics for ever.
pub async fn run<R: Runtime>(socket: R::Listener, state: Arc<State>) {
    // Each item is a client.
    let (enter, leave) = async_channel::bounded(AT_ONCE);
    while enter.send(()).await.is_ok() {
        match R::accept(&socket).await {
            Ok((client, _)) => {
                let (state, leave) = (state.clone(), leave.clone());
                R::spawn(async move {
                    if let Some(Err(error)) = within::<R, _>(PATIENCE, answer(client, &state)).await {
                        debug!(%error, "the admin page was not delivered");
                    }
                    let _ = leave.try_recv();
                });
            }
            Err(_) => {
                let _ = leave.try_recv();
                R::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers one request, and closes.
async fn answer(mut client: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> io::Result<()> {
    let mut buffer = HandoffBuffer::new(LIMIT);
    let (status, kind, body) = loop {
        match http1::request(buffer.peek()) {
            Answer::Need(more) => {
                if !buffer.fill_to(&mut client, buffer.len() + more).await? {
                    return Ok(());
                }
            }
            Answer::No(reason) => break ("400 Bad Request", "text/plain", format!("{reason}\n")),
            Answer::Yes(request) => {
                break match (request.method, request.path) {
                    ("GET" | "HEAD", "/") => ("200 OK", "text/html; charset=utf-8", page(state)),
                    ("GET" | "HEAD", "/metrics") => (
                        "200 OK",
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                        state.metrics.text(),
                    ),
                    ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "there are / and /metrics\n".to_owned()),
                    _ => ("405 Method Not Allowed", "text/plain", "only GET\n".to_owned()),
                };
            }
        }
    };
    let is_head = buffer.peek().starts_with(b"HEAD ");
    let length = body.len();
    let mut response =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    if !is_head {
        response.push_str(&body);
    }
    client.write_all(response.as_bytes()).await?;
    client.close().await
}

/// The page.
fn page(state: &State) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\">\
         <title>router</title><style>body{font:14px system-ui;margin:2em}table{border-collapse:collapse;margin:1em 0}\
         td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child\
         {text-align:left}</style><h1>router</h1>",
    );
    for listener in state.listeners() {
        let counters = &listener.counters;
        let _ = write!(
            page,
            "<h2>{}</h2><p>{} open, {} accepted, {} undecided in time, {} times accepting failed</p>\
             <table><tr><th>route<th>upstream<th>ended<th>closed in order<th>bytes to upstream<th>bytes to client",
            listener.address,
            counters.open.get(),
            counters.accepted.get(),
            counters.undetected.get(),
            counters.accept_errors.get(),
        );
        let settings = listener.settings();
        let routed = settings
            .routes
            .iter()
            .map(|route| (route.config.name.as_str(), route.group.name.as_str(), &route.counters));
        for (name, upstream, counters) in routed.chain([("(no route)", "", &settings.unrouted)]) {
            let _ = write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                escaped(name),
                escaped(upstream),
                counters.total(),
                counters.total_of(Reason::Closed),
                counters.to_upstream.get(),
                counters.to_client.get(),
            );
        }
        page.push_str("</table>");
    }
    page.push_str("<h2>Servers</h2><table><tr><th>server<th>upstream<th>open<th>connected<th>failed");
    for group in state.groups() {
        for server in &group.servers {
            let counters = &server.counters;
            let _ = write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}",
                server.address,
                escaped(&group.name),
                counters.open.get(),
                counters.connected.get(),
                counters.failed.get(),
            );
        }
    }
    page.push_str("</table><p><a href=\"/metrics\">/metrics</a></html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
