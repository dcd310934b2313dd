//! Writers that hold bytes until their buffer is full.

use super::support::*;
use futures_util::io::BufWriter;

runtimes::tests! {
    async fn each_message_through_a_buf_writer_arrives_before_the_next_one_is_written<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let (reader, writer) = near.split();
            let lens = [1, 7, 8192, 8193, 100_000, 2];
            each_message_arrives::<R, _>(way, BufWriter::new(writer), reader, peer.split(), &lens).await;
        }
    }

    async fn the_tail_in_a_buf_writer_arrives_when_the_socket_was_full<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let full = near.full();
            a_late_reader_gets_the_tail::<R, _>(way, BufWriter::with_capacity(5000, near), full, peer).await;
        }
    }
}
