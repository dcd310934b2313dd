//! Everything that is sent, in any way, over any pieces of the wire, is received, and nothing else.

use super::support::*;
use proptest::{
    prelude::{Just, Strategy, any, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
};

/// One call of a sender.
#[derive(Debug, Clone)]
enum Send {
    One(Vec<u8>),
    Batch(Vec<Vec<u8>>),
}

const MAX_MESSAGE: usize = 300;

/// Records of the longest batch: 11 messages, with one byte in a record.
const MAX_RECORDS: usize = 11 * MAX_MESSAGE;

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0..20_usize).prop_map(pattern),
        1 => (0..=MAX_MESSAGE).prop_map(pattern),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn sends() -> impl Strategy<Value = Vec<Send>> {
    let send = prop_oneof![
        message().prop_map(Send::One),
        prop::collection::vec(message(), 0..12).prop_map(Send::Batch),
    ];
    prop::collection::vec(send, 0..12)
}

fn configs() -> impl Strategy<Value = Config> {
    let record = prop_oneof![1..40_usize, Just(64 * 1024)];
    let rekey = prop_oneof![1..6_u64, Just(1 << 20)];
    (record, rekey, any::<bool>(), 0..2000_usize).prop_map(|(record, rekey, aes, copy_max)| {
        let write = WriteHandoffConfig::default().with_copy_max(copy_max).with_max_items(MAX_RECORDS);
        limits(MAX_MESSAGE, record)
            .with_rekey_after(rekey)
            .with_suite(SUITES[usize::from(aes)])
            .with_write(write)
    })
}

/// Sends all of it, over a writer that takes what the seed decides.
fn send_all(near: &mut Near, sends: &[Send]) {
    for send in sends {
        match send {
            Send::One(message) => near.put(message),
            Send::Batch(messages) => {
                near.sender.try_send_batch(messages).unwrap();
                near.task.run();
            }
        }
    }
}

fn messages(sends: &[Send]) -> Vec<Vec<u8>> {
    sends
        .iter()
        .flat_map(|send| match send {
            Send::One(message) => vec![message.clone()],
            Send::Batch(messages) => messages.clone(),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_was_sent_is_received(
        config in configs(),
        sends in sends(),
        writer in any::<u64>(),
        reader in any::<u64>(),
    ) {
        let mut near = Near::new(ScriptWriter::seeded(writer), &config);
        send_all(&mut near, &sends);
        near.close();
        let wire = near.log.written();
        for record in records(&wire) {
            prop_assert!(announced(&record) <= config.max_record_len().max(4));
        }
        let reader = ScriptReader::seeded(reader, &wire);
        let mut receiver = side(Role::Responder, reader, ScriptWriter::willing(), &config).receiver;
        let (received, end) = drain(&mut receiver);
        prop_assert!(end.is_ok(), "{end:?}");
        prop_assert_eq!(received, messages(&sends));
    }

    /// A changed, lost, or inserted byte: what comes out is the beginning of what was sent, and
    /// then an error.
    #[test]
    fn what_was_changed_on_the_way_is_never_received(
        config in configs(),
        sends in sends(),
        at in any::<prop::sample::Index>(),
        change in 0..3_u8,
        bits in 1..=255_u8,
    ) {
        let mut near = Near::willing(&config);
        send_all(&mut near, &sends);
        near.close();
        let mut wire = near.log.written();
        let at = at.index(wire.len());
        match change {
            0 => wire[at] ^= bits,
            1 => drop(wire.remove(at)),
            _ => wire.insert(at, bits),
        }
        let (received, end) = opened(&config, &wire);
        let sent = messages(&sends);
        prop_assert!(sent.starts_with(&received.iter().map(|message| message.to_vec()).collect::<Vec<_>>()));
        // A byte inserted before an equal one changes nothing up to the last record.
        prop_assert!(end.is_err() || received.len() == sent.len());
    }
}
