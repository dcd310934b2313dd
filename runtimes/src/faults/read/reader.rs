//! The buffer in front of its reader, as one reader.

use std::{io::IoSliceMut, mem, pin::Pin, task::Poll};

use futures_handoff::{HandoffBuffer, HandoffReader, ReadError};
use futures_util::{AsyncBufRead, AsyncRead};

use super::{
    input::{Input, Said},
    ledger::{Ledger, Waited},
    model::Model,
};
use crate::faults::event::Event;

type Through<'a> = HandoffReader<&'a mut Input>;

/// What an error says, which is dropped where it was made.
fn said(error: &std::io::Error) -> Said {
    let lied = error.get_ref().and_then(|error| error.downcast_ref());
    match lied {
        Some(ReadError::InvalidReader { .. }) => Said::Lied,
        None if error.kind() == std::io::ErrorKind::ConnectionReset => Said::Failed,
        _ => Said::Nothing,
    }
}

impl Model {
    pub(super) fn read_through(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        input.change();
        let empty = HandoffBuffer::with_config(ledger.config);
        let mut reader = mem::replace(buffer, empty).into_reader(input);
        for _ in 0..1 + ledger.choices.below(6) {
            ledger.told.calls.set(0);
            match ledger.choices.below(4) {
                0 | 1 => ledger.read_some(&mut reader),
                2 => ledger.fill(&mut reader),
                _ => {
                    let n = ledger.amount(ledger.unread.len());
                    ledger.event(Event::ReaderConsume, || n.to_string());
                    ledger.scale.inside(|| Pin::new(&mut reader).consume(n));
                    ledger.leave(n.min(ledger.unread.len()));
                }
            }
            assert_eq!(reader.buffer(), ledger.unread, "what the reader has buffered");
        }
        *buffer = reader.into_parts().0;
    }
}

impl Ledger {
    /// A plain or a vectored read.
    fn read_some(&mut self, reader: &mut Through<'_>) {
        let len = match self.choices.below(3) {
            0 => self.choices.below(40),
            1 => self.choices.below(self.max_len() + 1),
            _ => self.choices.below(2 * self.max_len()),
        };
        self.event(Event::ReaderRead, || format!("{len} bytes"));
        let mut out = vec![b'?'; len];
        let cut = self.choices.below(len + 1);
        let vectored = self.choices.once_in(2);
        let waited = self.wait(|cx| {
            let reader = Pin::new(&mut *reader);
            let polled = if vectored {
                let (front, back) = out.split_at_mut(cut);
                reader.poll_read_vectored(cx, &mut [IoSliceMut::new(front), IoSliceMut::new(back)])
            } else {
                reader.poll_read(cx, &mut out)
            };
            polled.map_err(|error| said(&error))
        });
        let buffered = self.unread.len();
        let arrived = self.arrived();
        assert!(buffered == 0 || self.told.calls.get() == 0, "it read, though something was buffered");
        match waited {
            Waited::Done(Ok(n)) => {
                let ended = self.said() == Said::Ended;
                assert_eq!(n, len.min(self.unread.len()), "what was read");
                assert!(n > 0 || len == 0 || ended, "the end");
                assert_eq!(self.leave(n), out[..n], "what came through");
            }
            Waited::Done(Err(told)) => self.failed(told, arrived),
            Waited::GivenUp => {
                assert_eq!(arrived, 0, "it waits, though something was read");
                self.given_up(arrived);
            }
            Waited::Panicked => self.panicked(),
        }
    }

    /// Looks at what is buffered, or reads if nothing is.
    fn fill(&mut self, reader: &mut Through<'_>) {
        self.event(Event::ReaderFill, String::new);
        let waited = self.wait(|cx| match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Ready(Ok(bytes)) => Poll::Ready(Ok(bytes.len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(said(&error))),
            Poll::Pending => Poll::Pending,
        });
        let buffered = self.unread.len();
        let arrived = self.arrived();
        assert!(buffered == 0 || self.told.calls.get() == 0, "it read, though something was buffered");
        match waited {
            Waited::Done(Ok(n)) => {
                assert_eq!(n, self.unread.len(), "what is there to look at");
                assert!(n > 0 || self.said() == Said::Ended, "the end");
            }
            Waited::Done(Err(told)) => self.failed(told, arrived),
            Waited::GivenUp => self.given_up(arrived),
            Waited::Panicked => self.panicked(),
        }
    }

    fn failed(&self, told: Said, arrived: usize) {
        assert_eq!((told, arrived), (self.said(), 0), "the error");
        assert!(matches!(told, Said::Failed | Said::Lied), "an error for no reason");
    }
}
