//! The matchers by name, and the properties of each for any input. The fuzz targets also use it.

use std::fmt::Debug;

use futures_handoff_router::detect::{Answer, LIMIT, http1, proxy_header, resp, ssh, tls};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matcher {
    Tls,
    Http1,
    Resp,
    Ssh,
    ProxyHeader,
}

impl Matcher {
    pub const ALL: [Self; 5] = [Self::Tls, Self::Http1, Self::Resp, Self::Ssh, Self::ProxyHeader];

    /// The answer, with the found value as text.
    pub fn answer(self, view: &[u8]) -> Answer<String> {
        match self {
            Self::Tls => map(tls::client_hello(view), |hello| text(&hello)),
            Self::Http1 => map(http1::request(view), |request| text(&request)),
            Self::Resp => map(resp::command(view), |command| text(&command)),
            Self::Ssh => map(ssh::banner(view), |banner| text(&banner)),
            Self::ProxyHeader => map(proxy_header::header(view), |header| {
                assert!(header.len <= view.len(), "{header:?} of {} bytes", view.len());
                text(&(header.len, header.addresses, header.tlvs.collect::<Vec<_>>()))
            }),
        }
    }

    /// Feeds `bytes` one by one. Returns after how many bytes the answer came, and the answer; none
    /// if more would be needed.
    pub fn decide(self, bytes: &[u8]) -> Option<(usize, Answer<String>)> {
        let mut decided = None;
        let mut sooner = 0;
        for len in 0..=bytes.len() {
            let answer = self.answer(&bytes[..len]);
            match (&decided, &answer) {
                (Some((at, before)), _) => {
                    assert_eq!(&answer, before, "{self:?}: the answer at {at} bytes changed at {len}");
                }
                (None, Answer::Need(more)) => {
                    assert!(*more > 0, "{self:?} needs nothing at {len} bytes");
                    assert!(
                        len + more >= sooner,
                        "{self:?} needs {more} at {len} bytes, and needed {sooner}"
                    );
                    assert!(len + more <= LIMIT, "{self:?} needs {more} at {len} bytes");
                    sooner = len + more;
                }
                (None, _) => {
                    assert!(len >= sooner, "{self:?} has an answer at {len} bytes, and needed {sooner}");
                    decided = Some((len, answer));
                }
            }
        }
        assert!(decided.is_some() || bytes.len() < LIMIT, "{self:?} goes on for ever");
        decided
    }
}

pub fn text(found: &dyn Debug) -> String {
    format!("{found:?}")
}

fn map<T, U>(answer: Answer<T>, f: impl FnOnce(T) -> U) -> Answer<U> {
    match answer {
        Answer::Yes(found) => Answer::Yes(f(found)),
        Answer::No(reason) => Answer::No(reason),
        Answer::Need(more) => Answer::Need(more),
    }
}
