//! How a handoff ends and what it leaves, and a flush in the middle.

use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, join, select},
    io::BufWriter,
};
use std::pin::pin;

use crate::support::{Place, received, spawned};

/// The connection goes on with another handoff, and then without one.
pub(crate) async fn a_writer_comes_back_and_goes_on<P: Place>(place: P) {
    let (mut near, far) = place.pair().await.unwrap();
    let write = async {
        for protocol in 0..3u8 {
            let handoff = spawned(&place, near, WriteHandoffConfig::new(4, 64));
            for _ in 0..100 {
                handoff.write_fire_and_forget(Bytes::from(vec![protocol; 10])).await.unwrap();
            }
            let late = handoff.clone();
            let Ok(writer) = handoff.into_parts().await else { panic!("the writer is whole") };
            assert!(late.try_write(Bytes::new()).unwrap_err().is_closed());
            near = writer;
        }
        near.write_all(&[3]).await.unwrap();
        near.close().await.unwrap();
    };
    let expected = [vec![0; 1000], vec![1; 1000], vec![2; 1000], vec![3]].concat();
    assert_eq!(join(write, received(far)).await.1, expected);
}

pub(crate) async fn a_close_is_waited_for<P: Place>(place: P) {
    let (near, mut far) = place.pair().await.unwrap();
    let handoff = spawned(&place, near, WriteHandoffConfig::default());
    let ticket = handoff.try_write(Bytes::from_static(b"the last")).unwrap();
    // It ends for each that waits, and not before it is closed.
    let mut closed = pin!(handoff.closed());
    let Either::Right(_) = select(closed.as_mut(), pin!(place.moment())).await else { panic!("it is open") };
    handoff.close();
    let error = handoff.write(Bytes::from_static(b"too late")).await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.into_bytes(), "too late");
    closed.await.unwrap();
    handoff.closed().await.unwrap();
    ticket.await.unwrap();
    assert_eq!(handoff.pending_bytes(), 0);
    let mut arrived = String::new();
    far.read_to_string(&mut arrived).await.unwrap();
    assert_eq!(arrived, "the last");
}

/// Through a writer that buffers, which keeps the bytes until it is flushed: when asked to, or when
/// nothing is left to write.
pub(crate) async fn a_flush_reaches_the_peer<P: Place>(place: P) {
    for when_idle in [false, true] {
        let (near, mut far) = place.pair().await.unwrap();
        let config = WriteHandoffConfig::default().with_flush_when_idle(when_idle);
        let (handoff, mut task) = WriteHandoff::new(BufWriter::new(near), config);
        let talk = async move {
            for word in [b"one", b"two"] {
                handoff.write(Bytes::from_static(word)).await.unwrap().await.unwrap();
                if !when_idle {
                    assert_eq!(handoff.with_writer(|writer| writer.buffer().len()), Some(3));
                    handoff.flush().await.unwrap();
                }
                let mut arrived = [0; 3];
                far.read_exact(&mut arrived).await.unwrap();
                assert_eq!(&arrived, word);
            }
        };
        if when_idle {
            let ((), written) = join(talk, task).await;
            assert!(written.is_ok());
        } else {
            task.run_until(talk).await;
        }
    }
}
