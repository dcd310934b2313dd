//! Room is granted in the order of requests, with one wake-up for each.

use super::support::*;

/// Runs a task and waiting writes until nothing moves; returns which writes were admitted, in
/// order.
fn admitted<F: Future<Output = Result<T, E>>, T, E: std::fmt::Debug>(
    task: &mut Hand<WriteTask<ScriptWriter>>,
    waits: &mut [Hand<F>],
) -> Vec<usize> {
    let mut order = Vec::new();
    while task.is_due() {
        task.run();
        for (number, wait) in waits.iter_mut().enumerate() {
            if wait.is_due() {
                wait.run().expect("a wake-up means that it is admitted").unwrap();
                order.push(number);
            }
        }
    }
    order
}

runtimes::tests! {
    async fn waiters_are_admitted_in_the_order_of_asking_with_one_wake_up_each<R: Runtime>() {
        for (waiters, most) in [(200, 16), (10, 1), (1000, 1)] {
            let len = |i: usize| 16 / most * (1 + i % most);
            let (handoff, mut task, log, gate) = gated(limits(64, 16));
            put_each(&handoff, 0, [16]);
            let mut waits: Vec<_> =
                (0..waiters).map(|i| Hand::waiting(handoff.write(filled(i as u8, len(i))))).collect();
            gate.open();
            assert_eq!(admitted(&mut task, &mut waits), (0..waiters).collect::<Vec<_>>());
            let polls: usize = waits.iter().map(Hand::polls).sum();
            assert!(polls <= 2 * waiters, "{polls} polls for {waiters} admissions");
            let written: Vec<u8> = (0..waiters).flat_map(|i| vec![i as u8; len(i)]).collect();
            assert!(log.written() == [&[0; 16][..], &written].concat());
        }
    }
}
