//! The adapters, which wait for their turn and put items without room into the line.

use futures_util::{AsyncWriteExt, SinkExt};

use crate::{
    device::{Device, chunk, elsewhere, open_elsewhere, poll_once, running, write_elsewhere},
    explore::{block_on, thread},
};

#[test]
fn a_sink_that_waits_for_room_beside_a_producer() {
    running(1, Device::stalled, 2, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let other = write_elsewhere(&handoff, "12");
        let peer = open_elsewhere(device);
        let mut sink = handoff.clone().into_sink();
        block_on(sink.send(chunk("cd"))).unwrap();
        drop(sink);
        other.join().unwrap();
        assert!(handoff.stats().flushed >= 4);
        drop(handoff);
        peer.join().unwrap();
        &["abcd12", "ab12cd"]
    });
}

#[test]
fn a_sink_that_is_not_polled_any_more() {
    running(2, Device::stalled, 2, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let mut sink = handoff.clone().into_sink();
        // In line, before the other.
        assert!(poll_once(&mut sink.feed(chunk("--"))).is_pending());
        let other = write_elsewhere(&handoff, "cd");
        let peer = open_elsewhere(device);
        other.join().unwrap();
        drop((sink, handoff));
        peer.join().unwrap();
        &["abcd"]
    });
}

/// Two sinks are ready at once. The item of the second one waits in the line by itself.
#[test]
fn an_item_that_waits_without_its_sink() {
    running(1, Device::stalled, 2, |device, handoff| {
        let mut sinks = [handoff.clone().into_sink(), handoff.into_sink()];
        for sink in &mut sinks {
            block_on(std::future::poll_fn(|cx| sink.poll_ready_unpin(cx))).unwrap();
        }
        let peer = open_elsewhere(device);
        let [mut first, mut second] = sinks;
        let first = thread::spawn(move || first.start_send_unpin(chunk("ab")).is_ok());
        second.start_send_unpin(chunk("12")).unwrap();
        drop(second);
        assert!(first.join().unwrap());
        peer.join().unwrap();
        &["ab12", "12ab"]
    });
}

#[test]
fn a_writer_of_borrowed_bytes_that_closes() {
    running(2, Device::short::<2>, 2, |_, handoff| {
        let other = elsewhere(&handoff, |other| block_on(other.write(chunk("12"))).map(drop).is_ok());
        let mut writer = handoff.into_writer();
        block_on(writer.write_all(b"abc")).unwrap();
        block_on(writer.close()).unwrap();
        assert!(other.join().unwrap());
        drop(writer);
        &["ab12c", "12abc", "abc12", "a12bc"]
    });
}
