//! Both directions between two connections.

use std::pin::pin;

use futures_handoff::tunnel::{End, Tunnel};
use futures_util::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, join, join3, select},
};

use crate::support::{Place, assert_same, payload};

/// The answer begins when the question is over, and the tunnel is cancelled again and again
/// meanwhile.
pub(crate) async fn each_side_closes_by_itself<P: Place>(place: P) {
    let ((client, a), (b, server)) = (place.pair().await.unwrap(), place.pair().await.unwrap());
    let (question, answer) = (payload(300_000), payload(1_000_000));
    let ask = async {
        let (mut reader, mut writer) = client.split();
        let ask = async {
            writer.write_all(&question[1000..]).await.unwrap();
            writer.close().await.unwrap();
        };
        let mut answered = Vec::new();
        let ((), read) = join(ask, reader.read_to_end(&mut answered)).await;
        read.unwrap();
        answered
    };
    let reply = async {
        let mut server = server;
        let mut asked = Vec::new();
        server.read_to_end(&mut asked).await.unwrap();
        server.write_all(&answer).await.unwrap();
        server.close().await.unwrap();
        asked
    };
    let carry = async {
        let mut tunnel = Tunnel::new(a, b).with_budget(16 * 1024).with_first_to_b(question.slice(..1000));
        loop {
            if let Either::Left((report, _)) = select(pin!(tunnel.run()), pin!(place.moment())).await {
                break report;
            }
        }
    };
    let (answered, asked, report) = join3(ask, reply, carry).await;
    assert_same(&asked, &question);
    assert_same(&answered, &answer);
    assert!(matches!((&report.a_to_b.end, &report.b_to_a.end), (End::Closed, End::Closed)), "{report:?}");
    assert_eq!((report.a_to_b.bytes, report.b_to_a.bytes), (300_000, 1_000_000));
}
