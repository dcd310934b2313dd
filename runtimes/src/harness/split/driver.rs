//! The process with the two ends around the proxies.

use std::{future::ready, io, net::SocketAddr, pin::pin, thread};

use futures_util::future::{Either, select};

use super::{
    LIMIT,
    protocol::{Control, Hello, Identity, Message, PROTOCOL, VERSION, first, send, within},
};
use crate::{
    Runtime,
    harness::{
        Failure, ImplementationName, Measurement, Payloads, RuntimeName, Settings, Usage, interrupt,
        measure::{Stopwatch, Visitor, carry, visit},
        transport::{self, Carried, Connection, Implementation},
    },
};

/// What a driver needs to know.
pub(in crate::harness) struct Driver {
    pub(in crate::harness) runtime: RuntimeName,
    pub(in crate::harness) service: SocketAddr,
    pub(in crate::harness) sink: SocketAddr,
    /// What is carried, how often, and how it arrives. The service says what the proxies are.
    pub(in crate::harness) settings: Settings,
}

/// Measures the service once, and returns what was measured.
pub(in crate::harness) fn drive(driver: &Driver) -> Result<(Identity, Measurement), Failure> {
    // As many threads as it is pinned to have.
    crate::set_workers(thread::available_parallelism().map_or(1, usize::from));
    // Any implementation: that one runs everywhere, and a driver has none.
    visit(driver.runtime, ImplementationName::RawCopy, driver)?
}

impl Visitor for &Driver {
    type Output = Result<(Identity, Measurement), Failure>;

    fn visit<R: Runtime, P: Implementation<R>>(self) -> Self::Output {
        let payloads = Payloads::new(&self.settings);
        R::block_on(async {
            match select(pin!(self.session::<R>(&payloads)), pin!(interrupt::requested())).await {
                Either::Left((done, _)) => done,
                Either::Right(_) => Err(Failure::Interrupted),
            }
        })
    }
}

impl Driver {
    async fn session<R: Runtime>(&self, payloads: &Payloads) -> Result<(Identity, Measurement), Failure> {
        let &Driver { service, settings, sink, .. } = self;
        let listen = |error| Failure::Other(format!("the sink cannot listen at {sink}: {error}"));
        let listener = R::bind(sink).await.map_err(listen)?;
        let what = || format!("the driver cannot reach the service at {service}");
        let stream = within::<R, _>(what, R::connect(service)).await?;
        let control = Control::new(stream, format!("the service at {service}"));
        let mut session = Session::<R> { control, listener, service, id: fastrand::u64(..), settings };
        match session.measure(payloads).await {
            Ok(measured) => {
                session.ask(&Message::End, |answer| matches!(answer, Message::End).then_some(())).await?;
                Ok(measured)
            }
            Err(failure) => {
                session.control.give_up::<R>(&failure).await;
                Err(failure)
            }
        }
    }
}

struct Session<R: Runtime> {
    control: Control<R::Tcp>,
    listener: R::Listener,
    service: SocketAddr,
    id: u64,
    settings: Settings,
}

impl<R: Runtime> Session<R> {
    async fn measure(&mut self, payloads: &Payloads) -> Result<(Identity, Measurement), Failure> {
        let hello = Message::Hello(Hello {
            protocol: PROTOCOL.to_owned(),
            version: VERSION,
            session: self.id,
            sink: R::local_addr(&self.listener).map_err(Failure::Setup)?,
            frame_len: self.settings.frame_len,
            stall: self.settings.stall_seconds,
        });
        let welcome = |answer| match answer {
            Message::Welcome { identity, .. } => Some(*identity),
            _ => None,
        };
        let identity = self.ask(&hello, welcome).await?;
        self.settings = merged(&self.settings, &identity.settings);
        self.round(payloads, &mut Measurement::empty()).await?;
        let mut measurement = Measurement::empty();
        while self.settings.wants_more_than(&measurement) {
            self.round(payloads, &mut measurement).await?;
        }
        Ok((Identity { settings: self.settings, ..identity }, measurement))
    }

    /// Sends a message to the service, and waits for the answer that `expected` accepts.
    async fn ask<T>(
        &mut self,
        message: &Message,
        expected: impl FnOnce(Message) -> Option<T>,
    ) -> Result<T, Failure> {
        self.control.send::<R>(message).await?;
        let answer = self.control.receive_within::<R>(LIMIT).await?;
        let said = format!("it answered {answer:?} to {message:?}");
        expected(answer).ok_or_else(|| self.control.unexpected(&said))
    }

    /// Carries the payloads once.
    async fn round(&mut self, payloads: &Payloads, measurement: &mut Measurement) -> Result<(), Failure> {
        let mut connections = Vec::with_capacity(payloads.streams().len());
        for (stream, payload) in payloads.streams().iter().enumerate() {
            let (client, sink) = self.stream(stream).await?;
            // The proxy is elsewhere.
            let proxied = ready(Ok(()));
            let payload = payload.clone();
            connections.push(transport::carry::<R, _>(proxied, client, sink, stream, payload, self.settings));
        }
        let start = Message::Start { streams: connections.len() };
        self.ask(&start, |answer| matches!(answer, Message::Started).then_some(())).await?;
        let stopwatch = Stopwatch::start();
        let carried = self.carry(connections).await;
        let (wall, usage) = stopwatch.stop();
        let (carried, service) = self.conclude(carried, payloads).await?;
        measurement.add_round(wall, service, payloads.lengths().zip(&carried));
        *measurement.driver.get_or_insert_default() += usage;
        Ok(())
    }

    /// The two ends of a stream through the service: where it begins and where it comes out.
    async fn stream(&mut self, stream: usize) -> Result<(R::Tcp, R::Tcp), Failure> {
        let Self { control, listener, service, id, .. } = self;
        let greeting = Message::Stream { session: *id, stream };
        let what = || format!("stream {stream} cannot be opened to the service at {service}");
        let open = async {
            let mut client = R::connect(*service).await?;
            send(&mut client, &greeting).await?;
            Ok(client)
        };
        let client = within::<R, _>(what, open).await?;
        let arrival = async {
            loop {
                let mut sink = R::accept(listener).await?;
                // An unrelated process may have connected to the sink.
                if let Ok(Message::Stream { session, stream: of }) = first::<R>(&mut sink).await
                    && (session, of) == (*id, stream)
                {
                    return io::Result::Ok(sink);
                }
            }
        };
        let what = || format!("stream {stream} does not come from the service at {service}");
        match select(pin!(within::<R, _>(what, arrival)), pin!(control.disturbance())).await {
            Either::Left((sink, _)) => Ok((client, sink?)),
            Either::Right((failure, _)) => Err(failure),
        }
    }

    /// Carries the streams as long as the service is there.
    async fn carry(&mut self, connections: Vec<Connection>) -> Result<Vec<Carried>, Failure> {
        let limit = self.settings.stall_seconds;
        match select(pin!(carry::<R>(connections, limit)), pin!(self.control.disturbance())).await {
            Either::Left((carried, _)) => carried,
            Either::Right((failure, _)) => Err(failure),
        }
    }

    /// Stops the service's clock, and asks it for the cause if something is missing.
    async fn conclude(
        &mut self,
        carried: Result<Vec<Carried>, Failure>,
        payloads: &Payloads,
    ) -> Result<(Vec<Carried>, Usage), Failure> {
        if !matches!(carried, Ok(_) | Err(Failure::Loss { .. })) {
            return carried.map(|carried| (carried, Usage::default()));
        }
        let stopped = |answer| match answer {
            Message::Stopped { usage, faults } => Some((usage, faults)),
            _ => None,
        };
        let (usage, faults) = self.ask(&Message::Stop, stopped).await?;
        let (stream, offset, len) = match (&carried, faults.first()) {
            (Err(Failure::Loss { stream, offset, len, .. }), _) => (*stream, *offset, *len),
            (Ok(_), Some(&(stream, _))) => {
                let len = payloads.lengths().nth(stream).unwrap_or_default();
                (stream, len, len)
            }
            _ => return carried.map(|carried| (carried, usage)),
        };
        let cause = faults.into_iter().find(|(of, _)| *of == stream);
        let cause = cause.map(|(_, reason)| io::Error::other(reason));
        Err(Failure::Loss { stream, offset, len, cause })
    }
}

/// The driver's settings with those that the proxies have.
fn merged(driver: &Settings, service: &Settings) -> Settings {
    Settings {
        completion: service.completion,
        window: service.window,
        worker_threads: service.worker_threads,
        read_reserve: service.read_reserve,
        write_pending_bytes: service.write_pending_bytes,
        gather_bytes: service.gather_bytes,
        ..*driver
    }
}
