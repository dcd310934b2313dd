//! The end of an idle tunnel, with timers that the test controls.

use super::support::*;
use std::cell::OnceCell;

/// Periods that end when the test says so.
#[derive(Default, Clone)]
struct Clock(Rc<RefCell<Vec<Gate>>>);

impl Clock {
    fn timer(&self) -> impl FnMut() -> Pin<Box<dyn Future<Output = ()>>> + use<> {
        let gates = Rc::clone(&self.0);
        move || {
            let gate = Gate::new();
            gates.borrow_mut().push(gate.clone());
            Box::pin(async move { gate.pass().await })
        }
    }

    /// The current period passes.
    fn pass(&self) {
        let gate = self.0.borrow().last().cloned();
        gate.unwrap().open();
    }

    fn made(&self) -> usize {
        self.0.borrow().len()
    }
}

runtimes::watched_tests! {
    fn a_period_without_a_byte_ends_it_and_a_byte_in_each_one_keeps_it() {
        for mirrored in [false, true] {
            let clock = Clock::default();
            let bytes: Vec<Gate> = (0..5).map(|_| Gate::new()).collect();
            let steps = bytes.iter().flat_map(|gate| [ReadStep::Wait(gate.clone()), ReadStep::data("x")]);
            let (near, _) = side(steps.chain([ReadStep::stuck()]), ScriptWriter::willing());
            let ((far, _), (a, b)) = (silent(), (OnceCell::new(), OnceCell::new()));
            if mirrored {
                a.set(far).unwrap();
                b.set(near).unwrap()
            } else {
                a.set(near).unwrap();
                b.set(far).unwrap()
            }
            let mut tunnel = Tunnel::new(a.into_inner().unwrap(), b.into_inner().unwrap());
            let mut running = Hand::new(tunnel.run_with_idle(clock.timer()));
            for (number, gate) in bytes.iter().enumerate() {
                assert!(running.run().is_none());
                assert_eq!(clock.made(), number + 1, "one timer a period");
                gate.open();
                // Several wake-ups in a period make no extra timer.
                (0..3).for_each(|_| {
                    running.wake();
                    assert!(running.run().is_none());
                });
                assert_eq!(clock.made(), number + 1);
                clock.pass();
            }
            assert!(running.run().is_none(), "the last byte came in the period before");
            clock.pass();
            let report = running.run().unwrap();
            assert!(report.idle);
            assert_eq!([&report.a_to_b, &report.b_to_a].map(ended), [Ended::Unfinished; 2]);
            assert_eq!(clock.made(), 6);
        }
    }

    fn a_timer_that_is_ready_at_once_ends_it_after_what_is_there() {
        let (near, _) = side([ReadStep::data("there"), ReadStep::stuck()], ScriptWriter::willing());
        let (far, at_far) = silent();
        let mut made = 0;
        let report = Hand::new(Tunnel::new(near, far).run_with_idle(|| {
            made += 1;
            std::future::ready(())
        }))
        .run()
        .unwrap();
        assert!(report.idle && at_far.written() == b"there");
        assert_eq!(made, 2);
    }

    /// Reading and writing both count: a writer that takes bytes read long ago is active.
    fn bytes_that_leave_slowly_keep_it() {
        let clock = Clock::default();
        let gates: Vec<Gate> = (0..4).map(|_| Gate::new()).collect();
        let steps = gates.iter().flat_map(|gate| [WriteStep::Wait(gate.clone()), WriteStep::Accept(100)]);
        let (near, _) = side([ReadStep::data(payload(1000)), ReadStep::stuck()], ScriptWriter::willing());
        let (far, at_far) =
            side([ReadStep::stuck()], ScriptWriter::new(steps.chain([WriteStep::Wait(Gate::new())])));
        let mut tunnel = Tunnel::new(near, far);
        let mut running = Hand::new(tunnel.run_with_idle(clock.timer()));
        assert!(running.run().is_none());
        for gate in &gates {
            gate.open();
            assert!(running.run().is_none());
            clock.pass();
            assert!(running.run().is_none());
        }
        clock.pass();
        assert!(running.run().unwrap().idle);
        drop(running);
        let parts = tunnel.into_parts();
        assert!(parts.to_b == payload(1000)[at_far.len()..] && at_far.len() == 400);
    }

    fn a_half_closed_tunnel_and_one_that_discards_are_idle_when_nothing_comes() {
        for failing in [false, true] {
            let (clock, gate) = (Clock::default(), Gate::new());
            let (question, writer) = if failing {
                (
                    vec![
                        ReadStep::data("x"),
                        ReadStep::Wait(gate.clone()),
                        ReadStep::data("dropped"),
                        ReadStep::stuck(),
                    ],
                    vec![WriteStep::Error(ErrorKind::BrokenPipe)],
                )
            } else {
                (vec![ReadStep::data("x")], vec![])
            };
            let (near, _) = side(question, ScriptWriter::willing());
            let answer = [ReadStep::Wait(gate.clone()), ReadStep::data("y"), ReadStep::stuck()];
            let (far, _) =
                side(answer.into_iter().skip(if failing { 2 } else { 0 }), ScriptWriter::new(writer));
            let mut tunnel = Tunnel::new(near, far);
            let mut running = Hand::new(tunnel.run_with_idle(clock.timer()));
            assert!(running.run().is_none());
            clock.pass();
            assert!(running.run().is_none(), "the first byte came in this period");
            gate.open();
            assert!(running.run().is_none());
            clock.pass();
            assert!(running.run().is_none(), "a byte came, be it dropped");
            clock.pass();
            let report = running.run().unwrap();
            assert!(report.idle);
            let there = if failing { Ended::Write(ErrorKind::BrokenPipe) } else { Ended::Closed };
            assert_eq!([&report.a_to_b, &report.b_to_a].map(ended), [there, Ended::Unfinished]);
        }
    }

    fn an_end_that_comes_with_the_end_of_the_period_is_no_idle_one() {
        let ((near, _), (far, _)) = (
            side([ReadStep::Pending], ScriptWriter::willing()),
            side([ReadStep::Pending], ScriptWriter::willing()),
        );
        let clock = Clock::default();
        let mut tunnel = Tunnel::new(near, far);
        let mut idle = tunnel.run_with_idle(clock.timer()).boxed_local();
        let (waker, _) = futures_test::task::new_count_waker();
        assert!(idle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        clock.pass();
        let Poll::Ready(report) = idle.as_mut().poll(&mut Context::from_waker(&waker)) else {
            panic!("it has ended")
        };
        assert!(!report.idle && report.into_result().is_ok());
    }
}
