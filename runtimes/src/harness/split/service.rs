//! The process with the proxies.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::{
    AsyncWrite,
    future::{BoxFuture, Either, select},
};

use super::{
    LIMIT,
    protocol::{Control, Hello, Identity, Message, PROTOCOL, VERSION, first, send, within},
};
use crate::{
    Runtime,
    harness::{
        Failure, Interval, Metered, Proxy, Settings, Usage,
        console::log,
        interrupt,
        measure::{Visitor, visit},
        transport::Implementation,
    },
};

/// How long the proxies may continue once the driver has all bytes.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a service needs to know.
pub(in crate::harness) struct Service<'a> {
    pub(in crate::harness) address: SocketAddr,
    pub(in crate::harness) identity: Identity,
    /// How long it waits for its first driver.
    pub(in crate::harness) wait: Duration,
    /// How long it waits for another one.
    pub(in crate::harness) idle: Duration,
    /// Gets the address once it listens.
    pub(in crate::harness) ready: &'a dyn Fn(SocketAddr) -> Result<(), Failure>,
}

/// A proxy that does not run before it is polled.
type Proxied = BoxFuture<'static, io::Result<()>>;

/// Serves one driver after the other until no more come.
pub(in crate::harness) fn serve(service: &Service<'_>) -> Result<(), Failure> {
    let Identity { runtime, implementation, settings, .. } = service.identity;
    crate::set_workers(settings.worker_threads);
    visit(runtime, implementation, service)?
}

impl Visitor for &Service<'_> {
    type Output = Result<(), Failure>;

    fn visit<R: Runtime, P: Implementation<R>>(self) -> Self::Output {
        R::block_on(async {
            match select(pin!(self.drivers::<R, P>()), pin!(interrupt::requested())).await {
                Either::Left((served, _)) => served,
                Either::Right(_) => Err(Failure::Interrupted),
            }
        })
    }
}

impl Service<'_> {
    async fn drivers<R: Runtime, P: Implementation<R>>(&self) -> Result<(), Failure> {
        let listen =
            |error| Failure::Other(format!("the service cannot listen at {}: {error}", self.address));
        let mut listener = R::bind(self.address).await.map_err(listen)?;
        let address = R::local_addr(&listener).map_err(listen)?;
        (self.ready)(address)?;
        let mut served = false;
        let mut until = Instant::now() + self.wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut stream = match R::timeout(left, R::accept(&mut listener)).await {
                Some(accepted) => accepted.map_err(listen)?,
                None if served => return Ok(()),
                None => {
                    let wait = self.wait;
                    return Err(Failure::Other(format!(
                        "no driver has come to the service at {address} within {wait:?}"
                    )));
                }
            };
            let hello = match first::<R>(&mut stream).await {
                Ok(Message::Hello(hello)) => hello,
                Ok(_) => {
                    refuse(stream, "it does not begin with a greeting".to_owned()).await;
                    continue;
                }
                Err(reason) => {
                    refuse(stream, reason).await;
                    continue;
                }
            };
            let control = Control::new(stream, format!("the driver with its sink at {}", hello.sink));
            let settings = Settings { frame_len: hello.frame_len, ..self.identity.settings };
            let session = Session::<R> { listener: &mut listener, control, hello, settings };
            session.run::<P>(&self.identity).await?;
            served = true;
            until = Instant::now() + self.idle;
        }
    }
}

/// Reports to both sides. The service goes on after an unrelated connection.
async fn refuse(mut stream: impl AsyncWrite + Unpin, reason: String) {
    log!("the service refused a connection: {reason}");
    let reason = format!("refused: {reason}");
    // If the peer is gone already, it needs no answer.
    let _ = send(&mut stream, &Message::Failed { reason }).await;
}

/// One driver at a service.
struct Session<'a, R: Runtime> {
    listener: &'a mut R::Listener,
    control: Control<R::Tcp>,
    hello: Hello,
    settings: Settings,
}

impl<R: Runtime> Session<'_, R> {
    /// Does what the driver says, round by round.
    async fn run<P: Implementation<R>>(mut self, identity: &Identity) -> Result<(), Failure> {
        let identity = Box::new(identity.clone());
        let welcome = Message::Welcome { protocol: PROTOCOL.to_owned(), version: VERSION, identity };
        self.control.send::<R>(&welcome).await?;
        loop {
            let proxies = match self.set_up::<P>().await {
                Ok(Some(proxies)) => proxies,
                Ok(None) => {
                    // From here on another driver may connect. This one may be gone already.
                    let _ = self.control.send::<R>(&Message::End).await;
                    return Ok(());
                }
                Err(failure) => {
                    self.control.give_up::<R>(&failure).await;
                    return Err(failure);
                }
            };
            let (usage, faults) = self.measure(proxies).await?;
            self.control.send::<R>(&Message::Stopped { usage, faults }).await?;
        }
    }

    /// Sets up what connects until the driver starts the round; none if there are no more rounds.
    async fn set_up<P: Implementation<R>>(&mut self) -> Result<Option<Vec<Proxied>>, Failure> {
        let mut proxies = Vec::new();
        loop {
            let next = {
                let accepted = pin!(R::accept(self.listener));
                let said = pin!(self.control.receive_within::<R>(LIMIT));
                match select(accepted, said).await {
                    Either::Left((inbound, _)) => Either::Left(inbound.map_err(Failure::Setup)?),
                    Either::Right((message, _)) => Either::Right(message?),
                }
            };
            match next {
                Either::Left(inbound) => {
                    if let Some((inbound, outbound)) = self.admit(inbound, proxies.len()).await? {
                        let (inbound, outbound) = (Metered::new(inbound), Metered::new(outbound));
                        let proxied: Proxied = Box::pin(Proxy::<Metered<R::Tcp>, Metered<R::Tcp>>::run::<R>(
                            P::default(),
                            inbound,
                            outbound,
                            self.settings,
                        ));
                        proxies.push(proxied);
                    }
                }
                Either::Right(Message::Start { streams }) if streams == proxies.len() => {
                    return Ok(Some(proxies));
                }
                Either::Right(Message::End) => return Ok(None),
                Either::Right(other) => {
                    let what = format!("it said {other:?} after {} streams", proxies.len());
                    return Err(self.control.unexpected(&what));
                }
            }
        }
    }

    /// Opens the other side of a stream, if it is the one that is due.
    async fn admit(&mut self, mut inbound: R::Tcp, due: usize) -> Result<Option<(R::Tcp, R::Tcp)>, Failure> {
        let Hello { session, sink, .. } = self.hello;
        let stranger = match first::<R>(&mut inbound).await {
            Ok(Message::Stream { session: of, stream }) if (of, stream) == (session, due) => None,
            Ok(Message::Hello(_)) => Some("the service is busy with another driver".to_owned()),
            Ok(_) => Some(format!("it is not stream {due} of the driver")),
            Err(reason) => Some(reason),
        };
        if let Some(reason) = stranger {
            refuse(inbound, reason).await;
            return Ok(None);
        }
        let what = || format!("the service cannot reach the sink at {sink}");
        let open = async {
            let mut outbound = R::connect(sink).await?;
            send(&mut outbound, &Message::Stream { session, stream: due }).await?;
            Ok(outbound)
        };
        Ok(Some((inbound, within::<R, _>(what, open).await?)))
    }

    /// Runs the proxies from `start` to `stop`.
    async fn measure(&mut self, proxies: Vec<Proxied>) -> Result<(Usage, Vec<(usize, String)>), Failure> {
        let interval = Interval::start();
        let tasks: Vec<_> = proxies.into_iter().map(R::task).collect();
        self.control.send::<R>(&Message::Started).await?;
        match self.control.receive_within::<R>(self.hello.stall.saturating_add(LIMIT)).await? {
            Message::Stop => {}
            other => {
                return Err(self.control.unexpected(&format!("it said {other:?} in the middle of a round")));
            }
        }
        let until = Instant::now() + LAST_WORDS;
        let mut faults = Vec::new();
        for (stream, task) in tasks.into_iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let reason = match R::timeout(left, task.outcome()).await {
                Some(Some(Ok(()))) => continue,
                Some(Some(Err(error))) => error.to_string(),
                Some(None) => "the proxy panicked".to_owned(),
                None => format!("the proxy still ran {LAST_WORDS:?} after the driver was done"),
            };
            faults.push((stream, reason));
        }
        Ok((interval.end(), faults))
    }
}
