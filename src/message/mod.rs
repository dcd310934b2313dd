//! Owned messages between tasks and threads, charged until the consumer is done with them.
//!
//! A [`MessageHandoff`] is a channel with many [`Sender`]s and [`Receiver`]s whose limits count
//! what channels lose sight of: each message declares its bytes, and both the message and its bytes
//! stay charged while a receiver works on it. So the limits bound what there is, not only what is
//! queued. A consumer that passes messages on to tasks of its own holds back those that send, too.
//!
//! ```
//! use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
//! use futures_util::future::join;
//!
//! # futures_executor::block_on(async {
//! let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
//! let produce = async move {
//!     for frame in [vec![1; 40_000], vec![2; 40_000]] {
//!         let bytes = frame.len();
//!         // The second one waits until the first one is done with.
//!         sender.send(frame, bytes).await.unwrap();
//!     }
//! };
//! let consume = async move {
//!     let mut total = 0;
//!     while let Some(frame) = receiver.recv().await {
//!         total += frame.len();
//!     }
//!     total
//! };
//! assert_eq!(join(produce, consume).await.1, 80_000);
//! # });
//! ```
//!
//! [`MessageHandoff::new`] takes its limits and returns the two ends, as
//! [`WriteHandoff::new`](crate::WriteHandoff::new) returns its handle and its task. The ends have
//! the names and methods that users of other channels know.
//!
//! | to | use |
//! |---|---|
//! | send, waiting for room or not | [`send`](Sender::send), [`try_send`](Sender::try_send), [`into_sink`](Sender::into_sink) |
//! | get room first, so that a cancelled future holds no message | [`reserve`](Sender::reserve), [`try_reserve`](Sender::try_reserve) |
//! | receive | [`recv`](Receiver::recv), [`try_recv`](Receiver::try_recv), [`drain`](Receiver::drain), or the `Receiver` as a stream |
//! | be done with a message | [`into_inner`](Message::into_inner) to have it without its charge, or drop it |
//! | hold the charge for longer | [`into_shared`](Message::into_shared), [`into_parts`](Message::into_parts) |
//! | prefer new messages to old ones | [`evict_oldest`](Sender::evict_oldest) |
//! | send or receive on a thread without a runtime | `send_blocking`, `recv_blocking` (not on wasm) |
//!
//! # What it promises
//!
//! - **Order.** Messages leave in the order in which they were accepted. Room is given in the order
//!   in which it was asked for, whatever the size.
//! - **Nothing is lost on the way.** A message is in the queue until the poll that returns it. A
//!   refused message comes back, and a receiver that was woken and is dropped wakes the next one.
//! - **Nothing waits for ever.** A message above the limit is refused at once. Closing ends every
//!   wait: what was accepted is received, then receivers get `None`. Room that was granted to a
//!   future, and a message for which it was woken, go on when that future is polled or dropped; one
//!   that is kept and neither polled nor dropped keeps them from others.
//! - **Nothing of yours runs under a lock**: no `Drop` or `Clone` of a message, and no waker.
//!
//! # How it ends
//!
//! | event | senders | receivers |
//! |---|---|---|
//! | [`close`](Sender::close) at either end, or the last sender is dropped | refused, with their message; also permits, and those that wait; [`closed`](Sender::closed) completes | what is queued, then `None` |
//! | the last receiver is dropped | the same | what is queued is dropped |
//!
//! A message that is received stays charged through all of that, until it is done with.
//!
//! # Its cost
//!
//! A handoff is one allocation, and a queue that grows to what it has to hold, whatever the limits
//! are. Sending and receiving allocate nothing beside that; waiting allocates for the lines of
//! those that wait, which keep their memory.

#[cfg(not(target_family = "wasm"))]
mod blocking;
mod config;
mod error;
#[expect(clippy::module_inception, reason = "the message itself")]
mod message;
mod permit;
mod receiver;
mod sender;
mod shared;
mod sink;
mod state;
mod waiting;

use std::{fmt, marker::PhantomData};

pub use config::MessageHandoffConfig;
pub use error::{RejectReason, SendError, TryRecvError};
pub use message::{Charge, Message, SharedMessage};
pub use permit::{OwnedPermit, Permit};
pub use receiver::Receiver;
pub use sender::Sender;
pub use sink::MessageSink;

use crate::sync::Arc;
use shared::Shared;

/// A bounded handoff of owned messages. [`new`](Self::new) makes one and returns its two ends. See
/// the [module](self).
pub struct MessageHandoff<T>(PhantomData<T>);

impl<T> MessageHandoff<T> {
    /// A handoff with these limits, as its two ends.
    #[expect(clippy::new_ret_no_self, reason = "a handoff is its two ends")]
    pub fn new(config: MessageHandoffConfig) -> (Sender<T>, Receiver<T>) {
        let shared = Shared::new(config);
        (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
    }
}

impl<T> fmt::Debug for MessageHandoff<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageHandoff")
    }
}
