//! How a TLS connection ends: orderly, or cut off.

use super::{support::*, tls_support::*};
use futures_handoff::{Delimiter, FrameError};

/// A TLS connection of which this end sends and the other reads everything.
async fn read_all<R: runtimes::Runtime>(far: Far) -> Task<(Vec<u8>, io::Result<()>)> {
    R::task(async move {
        let (mut far, mut received) = (far, Vec::new());
        // What came before a failure is there, too.
        let end = far.read_to_end(&mut received).await;
        (received, end.map(drop))
    })
}

runtimes::tests! {
    async fn closing_a_handle_over_tls_or_dropping_the_last_one_is_an_end_in_order<R: Runtime>() {
        for way in ways() {
            for (len, closes) in [(0, true), (1, true), (300_000, true), (300_000, false)] {
                let (near, far, _) = secured::<R>().await;
                let reading = read_all::<R>(far).await;
                serve::<R, _, _>(way, near, |handoff| async move {
                    respond(&handoff, payload(len).into(), 32 * 1024).await;
                    if closes {
                        handoff.close();
                        in_time::<R, _>("the end", handoff.closed()).await.unwrap();
                    }
                })
                .await;
                let (received, end) = in_time::<R, _>("the end", reading).await;
                assert!(received == payload(len), "with {way:?}, {} of {len} bytes", received.len());
                assert!(end.is_ok(), "with {way:?}, closed: {closes}, {len} bytes: {end:?}");
            }
        }
    }

    /// Everything written has arrived, and still the peer learns that there may have been more.
    async fn an_abort_over_tls_is_no_end_in_order<R: Runtime>() {
        let (near, far, _) = secured::<R>().await;
        let reading = read_all::<R>(far).await;
        let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
        let task = R::task(task);
        handoff.write_fire_and_forget(Bytes::from_static(b"and then")).await.unwrap();
        in_time::<R, _>("a flush", handoff.flush()).await.unwrap();
        handoff.downgrade().abort();
        drop(task.await);
        drop(handoff);
        let (received, end) = in_time::<R, _>("the end", reading).await;
        assert_eq!(received, b"and then");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    async fn frames_over_tls_tell_a_cut_from_an_end<R: Runtime>() {
        for (sent, cut) in [("line\n", false), ("line\n", true), ("line\nhalf", false), ("line\nhalf", true)] {
            let (mut near, mut far, _) = secured::<R>().await;
            far.write_all(sent.as_bytes()).await.unwrap();
            far.flush().await.unwrap();
            end(&mut far, cut).await;
            let mut buffer = HandoffBuffer::new(1000);
            let mut lines = Delimiter::new(b"\n");
            assert_eq!(buffer.next_frame(&mut near, &mut lines).await.unwrap().unwrap(), "line\n");
            let end = in_time::<R, _>("the end", buffer.next_frame(&mut near, &mut lines)).await;
            match (sent, cut, end) {
                ("line\n", false, Ok(None)) => {}
                ("line\nhalf", false, Err(FrameError::Truncated { buffered: 4 })) => {}
                (_, true, Err(FrameError::Io(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                (sent, cut, end) => panic!("{sent:?}, cut off: {cut}: {end:?}"),
            }
            assert_eq!(buffer.take_tail(), &sent[5..]);
        }
    }
}

/// Ends a TLS stream with `close_notify`, or ends the connection below it without one.
async fn end(far: &mut Far, cut: bool) {
    if cut {
        far.get_ref().0.end().unwrap();
    } else {
        far.close().await.unwrap();
    }
}
