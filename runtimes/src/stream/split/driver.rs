//! The process with the two ends around the proxies.

use std::{future::ready, io, net::SocketAddr, pin::pin, thread};

use futures_util::future::{Either, select};

use super::{
    LIMIT,
    control::{Control, Fault, Hello, Identity, Message, PROTOCOL, VERSION, first, send, within},
};
use crate::{
    Runtime,
    stream::{
        Carried, Failure, ImplementationName, Payloads, Report, RuntimeName, Settings, Usage, interrupt,
        report::Stopwatch,
        run::{Implementation, Visitor, carry, visit},
        transport::{Connection, ends},
    },
};

/// What a driver needs to know.
pub(in crate::stream) struct Driver<'a> {
    pub(in crate::stream) runtime: RuntimeName,
    pub(in crate::stream) service: SocketAddr,
    pub(in crate::stream) sink: SocketAddr,
    /// What is carried, how often, and how it arrives. What is the proxies' is for the service to say.
    pub(in crate::stream) settings: Settings,
    /// Told of each round that is finished.
    pub(in crate::stream) round: &'a dyn Fn(),
}

/// Measures the service once, and says what it was that was measured.
pub(in crate::stream) fn drive(driver: &Driver<'_>) -> Result<(Identity, Report), Failure> {
    // As many threads as it is pinned to have.
    crate::set_workers(thread::available_parallelism().map_or(1, usize::from));
    // Any implementation: that one runs everywhere, and a driver has none.
    visit(driver.runtime, ImplementationName::RawCopy, driver)
        .map_err(|error| Failure::Other(error.to_string()))?
}

impl Visitor for &Driver<'_> {
    type Output = Result<(Identity, Report), Failure>;

    fn visit<R: Runtime, P: Implementation<R> + Default>(self) -> Self::Output {
        let payloads = Payloads::new(&self.settings);
        R::block_on(async {
            match select(pin!(self.session::<R>(&payloads)), pin!(interrupt::requested())).await {
                Either::Left((done, _)) => done,
                Either::Right(_) => Err(Failure::Interrupted),
            }
        })
    }
}

impl Driver<'_> {
    async fn session<R: Runtime>(&self, payloads: &Payloads) -> Result<(Identity, Report), Failure> {
        let mut session = Session::<R>::open(self).await?;
        let measured = session.measure(self, payloads).await;
        match measured {
            Ok(measured) => session.end().await.map(|()| measured),
            Err(failure) => {
                // If the service is what failed, it does not listen.
                let reason = failure.to_string();
                let _ = session.control.send::<R>(&Message::Failed { reason }).await;
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
    /// Listens, and connects to the service.
    async fn open(driver: &Driver<'_>) -> Result<Self, Failure> {
        let &Driver { service, settings, .. } = driver;
        let listen = |error| Failure::Other(format!("the sink cannot listen at {}: {error}", driver.sink));
        let listener = R::bind(driver.sink).await.map_err(listen)?;
        let what = || format!("the driver cannot reach the service at {service}");
        let stream = within::<R, _>(what, R::connect(service)).await?;
        let control = Control::new(stream, format!("the service at {service}"));
        Ok(Self { control, listener, service, id: fastrand::u64(..), settings })
    }

    async fn measure(
        &mut self,
        driver: &Driver<'_>,
        payloads: &Payloads,
    ) -> Result<(Identity, Report), Failure> {
        let identity = self.greet().await?;
        self.settings = merged(&self.settings, &identity.settings);
        self.round(payloads, &mut Report::empty()).await?;
        let mut report = Report::empty();
        while report.iterations < self.settings.iterations as u64 || report.wall < self.settings.duration() {
            (driver.round)();
            self.round(payloads, &mut report).await?;
        }
        Ok((Identity { settings: self.settings, ..identity }, report))
    }

    /// Greets the service, and learns what it is.
    async fn greet(&mut self) -> Result<Identity, Failure> {
        let hello = Message::Hello(Hello {
            protocol: PROTOCOL.to_owned(),
            version: VERSION,
            session: self.id,
            sink: R::local_addr(&self.listener).map_err(Failure::Setup)?,
            frame_len: self.settings.frame_len,
            stall: self.settings.stall_seconds,
        });
        self.control.send::<R>(&hello).await?;
        match self.control.receive_within::<R>(LIMIT).await? {
            Message::Welcome(welcome) => Ok(welcome.identity),
            other => Err(self.control.unexpected(&format!("it answered {other:?} to a greeting"))),
        }
    }

    /// Carries the payloads once.
    async fn round(&mut self, payloads: &Payloads, report: &mut Report) -> Result<(), Failure> {
        let mut connections = Vec::with_capacity(payloads.streams().len());
        for (stream, payload) in payloads.streams().iter().enumerate() {
            let (client, sink) = self.stream(stream).await?;
            let payload = payload.clone();
            // The proxy is elsewhere.
            let proxied = ready(Ok(()));
            connections.push(ends::carry::<R, _>(proxied, client, sink, stream, payload, self.settings));
        }
        self.control.send::<R>(&Message::Start { streams: connections.len() }).await?;
        match self.control.receive_within::<R>(LIMIT).await? {
            Message::Started => {}
            other => return Err(self.control.unexpected(&format!("it answered {other:?} to a start"))),
        }
        let stopwatch = Stopwatch::start();
        let carried = self.carry(connections).await;
        let (wall, usage) = stopwatch.stop();
        let (carried, service) = self.conclude(carried, payloads).await?;
        report.add_split_round(wall, service, usage);
        for (payload, carried) in payloads.streams().iter().zip(&carried) {
            report.add_stream(payload.len() as u64, carried);
        }
        Ok(())
    }

    /// Lets the service go, which is then free for another driver.
    async fn end(&mut self) -> Result<(), Failure> {
        self.control.send::<R>(&Message::End).await?;
        match self.control.receive_within::<R>(LIMIT).await? {
            Message::End => Ok(()),
            other => Err(self.control.unexpected(&format!("it answered {other:?} to the end"))),
        }
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
                // A stranger may have found the sink.
                match first::<R>(&mut sink).await {
                    Ok(Message::Stream { session, stream: of }) if (session, of) == (*id, stream) => {
                        return io::Result::Ok(sink);
                    }
                    _ => {}
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
        self.control.send::<R>(&Message::Stop).await?;
        let (usage, faults) = match self.control.receive_within::<R>(LIMIT).await? {
            Message::Stopped { usage, faults } => (usage, faults),
            other => return Err(self.control.unexpected(&format!("it answered {other:?} to a stop"))),
        };
        let cause = |of: usize| {
            let fault = faults.iter().find(|fault| fault.stream == of)?;
            Some(io::Error::other(fault.reason.clone()))
        };
        match (carried, faults.first()) {
            (Ok(carried), None) => Ok((carried, usage)),
            (Ok(_), Some(&Fault { stream, .. })) => {
                let len = payloads.streams().get(stream).map_or(0, bytes::Bytes::len);
                Err(Failure::Loss { stream, offset: len, len, cause: cause(stream) })
            }
            (Err(Failure::Loss { stream, offset, len, .. }), _) => {
                Err(Failure::Loss { stream, offset, len, cause: cause(stream) })
            }
            (Err(failure), _) => Err(failure),
        }
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
