//! One driver at a service.

use std::{
    io,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, Either, select};

use super::{
    LIMIT, Service,
    control::{Control, Fault, Hello, Message, PROTOCOL, VERSION, Welcome, first, send, within},
    service::{Between, refuse},
};
use crate::{
    Runtime,
    stream::{Failure, Settings, Usage, usage::Interval},
};

/// How long the proxies may go on once the driver has all bytes.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A proxy that does not run yet.
type Proxied = BoxFuture<'static, io::Result<()>>;

/// What happens before a round.
enum Next<S> {
    Accepted(S),
    Said(Message),
}

pub(super) struct Session<'a, R: Runtime> {
    service: &'a Service<'a>,
    listener: &'a mut R::Listener,
    control: Control<R::Tcp>,
    hello: Hello,
    settings: Settings,
}

impl<'a, R: Runtime> Session<'a, R> {
    pub(super) fn new(
        service: &'a Service<'a>,
        listener: &'a mut R::Listener,
        stream: R::Tcp,
        hello: Hello,
    ) -> Self {
        let control = Control::new(stream, format!("the driver with its sink at {}", hello.sink));
        let settings = Settings { frame_len: hello.frame_len, ..service.identity.settings };
        Self { service, listener, control, hello, settings }
    }

    /// Does what the driver says, round by round.
    pub(super) async fn run(mut self, between: Between<'_, R::Tcp>) -> Result<(), Failure> {
        let identity = self.service.identity.clone();
        let welcome = Welcome { protocol: PROTOCOL.to_owned(), version: VERSION, identity };
        self.control.send::<R>(&Message::Welcome(Box::new(welcome))).await?;
        loop {
            let proxies = match self.set_up(between).await {
                Ok(Some(proxies)) => proxies,
                Ok(None) => return Ok(()),
                Err(failure) => {
                    // If the driver is what failed, it does not listen.
                    let reason = failure.to_string();
                    let _ = self.control.send::<R>(&Message::Failed { reason }).await;
                    return Err(failure);
                }
            };
            let (usage, faults) = self.measure(proxies).await?;
            self.control.send::<R>(&Message::Stopped { usage, faults }).await?;
        }
    }

    /// Sets up what connects until the driver starts the round; none if there is none.
    async fn set_up(&mut self, between: Between<'_, R::Tcp>) -> Result<Option<Vec<Proxied>>, Failure> {
        let mut proxies = Vec::new();
        loop {
            match self.next().await? {
                Next::Accepted(inbound) => {
                    if let Some((inbound, outbound)) = self.admit(inbound, proxies.len()).await? {
                        proxies.push(between(inbound, outbound, self.settings));
                    }
                }
                Next::Said(Message::Start { streams }) if streams == proxies.len() => {
                    return Ok(Some(proxies));
                }
                Next::Said(Message::End) => {
                    // From here on another driver is welcome. This one need not be there to hear it.
                    let _ = self.control.send::<R>(&Message::End).await;
                    return Ok(None);
                }
                Next::Said(other) => {
                    let what = format!("it said {other:?} after {} streams", proxies.len());
                    return Err(self.control.unexpected(&what));
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Next<R::Tcp>, Failure> {
        let accepted = pin!(R::accept(self.listener));
        let said = pin!(self.control.receive_within::<R>(LIMIT));
        match select(accepted, said).await {
            Either::Left((accepted, _)) => Ok(Next::Accepted(accepted.map_err(Failure::Setup)?)),
            Either::Right((message, _)) => Ok(Next::Said(message?)),
        }
    }

    /// Opens the other side of a stream, if it is the one that is due.
    async fn admit(&mut self, mut inbound: R::Tcp, due: usize) -> Result<Option<(R::Tcp, R::Tcp)>, Failure> {
        let Hello { session, sink, .. } = self.hello;
        match first::<R>(&mut inbound).await {
            Ok(Message::Stream { session: of, stream }) if (of, stream) == (session, due) => {}
            Ok(Message::Hello(_)) => {
                refuse(inbound, "the service is busy with another driver".to_owned()).await;
                return Ok(None);
            }
            Ok(_) => {
                refuse(inbound, format!("it is not stream {due} of the driver")).await;
                return Ok(None);
            }
            Err(reason) => {
                refuse(inbound, reason).await;
                return Ok(None);
            }
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
    async fn measure(&mut self, proxies: Vec<Proxied>) -> Result<(Usage, Vec<Fault>), Failure> {
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
            faults.push(Fault { stream, reason });
        }
        Ok((interval.end(), faults))
    }
}
