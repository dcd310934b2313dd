//! The process with the proxies.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, Either, select};

use super::{
    control::{self, Hello, Identity, Message},
    session::Session,
};
use crate::{
    Runtime,
    stream::{
        Failure, Metered, Settings, interrupt,
        run::{Implementation, Visitor, visit},
        say::say,
    },
};

/// What a service needs to know.
pub(in crate::stream) struct Service<'a> {
    pub(in crate::stream) address: SocketAddr,
    pub(in crate::stream) identity: Identity,
    /// How long it waits for its first driver.
    pub(in crate::stream) wait: Duration,
    /// How long it waits for another one.
    pub(in crate::stream) idle: Duration,
    /// Told where it listens, once it does.
    pub(in crate::stream) ready: &'a dyn Fn(SocketAddr) -> Result<(), Failure>,
}

/// Puts a proxy between two streams. Nothing runs before the future is polled.
pub(super) type Between<'a, S> = &'a dyn Fn(S, S, Settings) -> BoxFuture<'static, io::Result<()>>;

/// Serves one driver after the other until none comes any more.
pub(in crate::stream) fn serve(service: &Service<'_>) -> Result<(), Failure> {
    let Identity { runtime, implementation, settings, .. } = service.identity;
    crate::set_workers(settings.worker_threads);
    visit(runtime, implementation, service).map_err(|error| Failure::Other(error.to_string()))?
}

impl Visitor for &Service<'_> {
    type Output = Result<(), Failure>;

    fn visit<R: Runtime, P: Implementation<R> + Default>(self) -> Self::Output {
        let between = |inbound: R::Tcp, outbound: R::Tcp, settings| -> BoxFuture<'static, _> {
            Box::pin(P::default().run(Metered::new(inbound), Metered::new(outbound), settings))
        };
        R::block_on(async {
            match select(pin!(self.drivers::<R>(&between)), pin!(interrupt::requested())).await {
                Either::Left((served, _)) => served,
                Either::Right(_) => Err(Failure::Interrupted),
            }
        })
    }
}

impl Service<'_> {
    async fn drivers<R: Runtime>(&self, between: Between<'_, R::Tcp>) -> Result<(), Failure> {
        let listen =
            |error| Failure::Other(format!("the service cannot listen at {}: {error}", self.address));
        let mut listener = R::bind(self.address).await.map_err(listen)?;
        let address = R::local_addr(&listener).map_err(listen)?;
        (self.ready)(address)?;
        let mut served = false;
        let mut until = Instant::now() + self.wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(accepted) = R::timeout(left, R::accept(&mut listener)).await else {
                let none =
                    || format!("no driver has come to the service at {address} within {:?}", self.wait);
                return if served { Ok(()) } else { Err(Failure::Other(none())) };
            };
            let mut stream = accepted.map_err(listen)?;
            match greeting::<R>(&mut stream).await {
                Ok(hello) => {
                    Session::<R>::new(self, &mut listener, stream, hello).run(between).await?;
                    served = true;
                    until = Instant::now() + self.idle;
                }
                Err(reason) => refuse(stream, reason).await,
            }
        }
    }
}

async fn greeting<R: Runtime>(stream: &mut R::Tcp) -> Result<Hello, String> {
    match control::first::<R>(stream).await? {
        Message::Hello(hello) => Ok(hello),
        _ => Err("it does not begin with a greeting".to_owned()),
    }
}

/// Tells both sides. The service goes on: a stranger is no reason to end.
pub(super) async fn refuse(mut stream: impl futures_util::AsyncWrite + Unpin, reason: String) {
    say!("the service refused a connection: {reason}");
    let reason = format!("refused: {reason}");
    // Who has gone already needs no answer.
    let _ = control::send(&mut stream, &Message::Failed { reason }).await;
}
