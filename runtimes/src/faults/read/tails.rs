//! The unread rest, on its way from one buffer to another.

use std::mem;

use bytes::{Buf, BytesMut};
use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

use super::model::{Model, config};
use crate::faults::event::Event;

impl Model {
    pub(super) fn take_tail(&mut self) {
        let ledger = &mut self.ledger;
        ledger.event(Event::TakeTail, String::new);
        let mut tail = ledger.scale.inside(|| self.buffer.take_tail());
        assert_eq!(tail, ledger.unread, "the tail");
        assert!(self.buffer.is_empty(), "the tail is still there");
        match ledger.choices.below(4) {
            0 => {
                let same = ledger.config;
                self.put_into(tail, same);
            }
            1 => {
                // Another protocol, with other limits, which has taken the front of it.
                let n = ledger.choices.below(tail.len().min(20) + 1);
                tail.advance(n);
                ledger.leave(n);
                let other = config(&ledger.choices);
                self.put_into(tail, other);
            }
            2 if tail.len() > 1 => {
                let short = HandoffBufferConfig::new(tail.len() - 1).expect("a limit that is not zero");
                self.put_into(tail, short);
            }
            _ => {
                let content = ledger.leave(ledger.unread.len());
                let frame = ledger.scale.inside(|| tail.freeze());
                ledger.keep(frame, content);
            }
        }
    }

    /// Makes a buffer of a tail. One that does not fit goes back to where it comes from.
    fn put_into(&mut self, tail: BytesMut, config: HandoffBufferConfig) {
        let ledger = &mut self.ledger;
        let (len, capacity) = (tail.len(), tail.capacity());
        let fits = len <= config.max_len();
        let made = ledger.scale.inside(|| HandoffBuffer::from_tail(tail, config));
        match made {
            Ok(buffer) => {
                assert!(fits, "a tail of {len} is above {}", config.max_len());
                ledger.event(Event::FromTail, || format!("{len}, in a buffer for {}", config.max_len()));
                let old = mem::replace(&mut self.buffer, buffer);
                ledger.scale.inside(|| drop(old));
                // It may be part of what it was taken from.
                ledger.brought += ledger.most.max(capacity);
                ledger.most = config.max_len();
                ledger.config = config;
                ledger.asked = false;
                ledger.widest = ledger.widest.max(ledger.brought).max(ledger.most);
            }
            Err(refused) => {
                ledger.event(Event::TailRefused, || format!("{len}, by a buffer for {}", config.max_len()));
                assert_eq!((refused.limit(), fits), (config.max_len(), false), "the limit");
                let tail = refused.into_tail();
                assert_eq!(tail, ledger.unread, "the refused tail");
                let own = ledger.config;
                self.put_into(tail, own);
            }
        }
    }
}
