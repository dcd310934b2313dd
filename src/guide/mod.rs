//! The guide: how to read, write, close, test and tune, one idea on each page.
//!
//! | page | what it answers |
//! |---|---|
//! | [`reading`] | How do I get whole messages out of a stream? |
//! | [`writing`] | How do many tasks write to one connection, and what holds them back? |
//! | [`sending`] | When do bytes leave, and who flushes? |
//! | [`closing`] | How does a stream end, and how do I learn how it went? |
//! | [`cancelling`] | What happens to a future that I drop? |
//! | [`events`] | What follows from which event? |
//! | [`answering`] | Why can two peers that answer each other deadlock, and what helps? |
//! | [`routing`] | How do I forward messages without taking them out of the buffer? |
//! | [`tunnels`](tunnels/index.html) | How do I carry bytes in both directions between two streams? |
//! | [`messages`](messages/index.html) | How do I bound messages between tasks until they are processed? |
//! | [`tls`] | What is different over TLS? |
//! | [`packets`] | What about datagrams, and encryption without certificates? |
//! | [`runtimes`](runtimes/index.html) | What do I need from a runtime, and where do I name it? |
//! | [`tuning`] | Which setting do I change, and when? |
//! | [`testing`] | How do I test my code without a network? |
//! | [`from_tokio`](from_tokio/index.html), [`from_futures`], [`from_bytes_handoff`] | How do I port the code that I have? |
//!
//! The pages about tunnels, messages, runtimes and Tokio exist with the features that they use:
//! `tunnel`, `message`, `tokio` and `smol`.

// For the links of the pages.
#[allow(unused_imports, reason = "links are no uses")]
use crate::*;

/// Makes a module of a page, with the program that it ends with.
macro_rules! page {
    ($(#[$when:meta])* $name:ident, $page:literal $(, $program:literal)?) => {
        $(#[$when])*
        #[doc = include_str!($page)]
        $(
            #[doc = "```"]
            #[doc = include_str!($program)]
            #[doc = "```"]
        )?
        pub mod $name {}
    };
}

page!(reading, "reading.md", "programs/read.rs");
page!(writing, "writing.md", "programs/write.rs");
page!(sending, "sending.md");
page!(closing, "closing.md");
page!(cancelling, "cancelling.md");
page!(events, "events.md");
page!(answering, "answering.md", "programs/answers.rs");
page!(routing, "routing.md", "programs/router.rs");
page!(
    #[cfg(feature = "tunnel")]
    tunnels,
    "tunnels.md"
);
page!(
    #[cfg(feature = "message")]
    messages,
    "messages.md"
);
page!(tls, "tls.md");
page!(packets, "packets.md");
page!(
    #[cfg(all(feature = "smol", feature = "tokio"))]
    runtimes,
    "runtimes.md"
);
page!(tuning, "tuning.md");
page!(testing, "testing.md");
page!(
    #[cfg(all(feature = "tokio", feature = "tunnel"))]
    from_tokio,
    "from_tokio.md"
);
page!(from_futures, "from_futures.md");
page!(from_bytes_handoff, "../../docs/coming-from-bytes-handoff.md");
