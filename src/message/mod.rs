//! Owned messages between tasks and threads. A message stays charged until its consumer has
//! finished with it.
//!
//! A [`MessageHandoff`] is a channel with many [`Sender`]s and [`Receiver`]s. Each message declares
//! its bytes. The limits count messages and bytes, both in the queue and in use at a receiver. A
//! plain channel counts only what is queued. If a consumer passes messages on to other tasks, the
//! back pressure still reaches the senders.
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
//!         // The second send waits until the consumer drops the first message.
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
//! [`MessageHandoff::new`] takes the limits and returns the two ends. Their methods have the names
//! that other channels use.
//!
//! | to | use |
//! |---|---|
//! | send, with or without waiting for room | [`send`](Sender::send), [`try_send`](Sender::try_send), [`into_sink`](Sender::into_sink) |
//! | reserve room first, so that a cancelled future holds no message | [`reserve`](Sender::reserve), [`try_reserve`](Sender::try_reserve) |
//! | receive | [`recv`](Receiver::recv), [`try_recv`](Receiver::try_recv), [`drain`](Receiver::drain), or the `Receiver` as a stream |
//! | end the charge of a message | drop it, or take the value out with [`into_inner`](Message::into_inner) |
//! | keep the charge for longer | [`into_shared`](Message::into_shared), [`into_parts`](Message::into_parts) |
//! | prefer new messages to old ones | [`evict_oldest`](Sender::evict_oldest) |
//! | send or receive on a thread without a runtime | `send_blocking`, `recv_blocking` (not on wasm) |
//!
//! # Guarantees
//!
//! - **Order.** Receivers take messages in the order of acceptance. Senders get room in the
//!   order in which they asked for it, whatever the size of their messages.
//! - **No loss.** A message stays in the queue until the poll that returns it. A rejected message
//!   is returned to the sender. If a woken receiver is dropped, the next receiver is woken.
//! - **No endless wait.** A message above the limit is rejected at once. Closing ends every wait:
//!   receivers get the queued messages, then `None`. A woken future takes its room or its
//!   message when it is polled, and passes it on when it is dropped. A future that is kept and
//!   neither polled nor dropped holds back that room or message.
//! - **No user code under a lock**: no `Drop` or `Clone` of a message, and no waker.
//!
//! # How it ends
//!
//! | event | senders | receivers |
//! |---|---|---|
//! | [`close`](Sender::close) at either end, or the last sender is dropped | sends, permits and waiting sends are rejected and return their message; [`closed`](Sender::closed) completes | get the queued messages, then `None` |
//! | the last receiver is dropped | the same | the queued messages are dropped |
//!
//! A received message stays charged after the close, until its consumer has finished with it.
//!
//! # Cost
//!
//! A handoff is one allocation, plus a queue that grows to the number of messages it has held,
//! whatever the limits are. Sending and receiving allocate nothing else. Waiting allocates for the
//! lists of waiters, which keep their memory.

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

/// A bounded channel of owned messages. [`new`](Self::new) makes one and returns its two ends. See
/// the [module](self).
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, TryRecvError};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1024, 1024 * 1024));
/// sender.try_send("job 1", 5)?;
/// drop(sender);
/// assert_eq!(*receiver.try_recv()?, "job 1");
/// assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct MessageHandoff<T>(PhantomData<T>);

impl<T> MessageHandoff<T> {
    /// Makes a handoff with these limits and returns its two ends.
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
