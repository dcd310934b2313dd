//! Wakers and messages that use the handoff, or panic: no deadlock, and no other user is affected.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
    task::{Context, Poll, Wake, Waker},
};

use super::support::*;

/// Uses both ends in every way that does not wait, and counts how often.
struct Touch {
    ends: OnceLock<(Sender<Touching>, Receiver<Touching>)>,
    touched: AtomicUsize,
}

impl Touch {
    fn new(max_items: usize) -> (Arc<Self>, Sender<Touching>, Receiver<Touching>) {
        let (sender, receiver) = handoff(max_items, 1000);
        let touch = Arc::new(Self { ends: OnceLock::new(), touched: AtomicUsize::new(0) });
        assert!(touch.ends.set((sender.clone(), receiver.clone())).is_ok());
        (touch, sender, receiver)
    }

    fn touch(&self) {
        let Some((sender, receiver)) = self.ends.get() else { return };
        self.touched.fetch_add(1, Ordering::SeqCst);
        drop(sender.try_reserve(1));
        drop(Hand::new(sender.reserve(1)).run());
        let _ = Hand::new(sender.closed()).run();
        drop(Hand::new(receiver.recv()).run());
        drop((sender.clone(), receiver.clone(), receiver.try_recv(), sender.evict_oldest()));
        let _ = (pending(sender), receiver.len(), receiver.is_closed(), format!("{sender:?}"));
    }

    fn count(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }
}

/// A waker, or a message. It uses the handoff when it is woken, cloned and dropped.
struct Touching(Arc<Touch>);

impl Touching {
    fn waker(touch: &Arc<Touch>) -> Waker {
        Waker::from(Arc::new(Self(Arc::clone(touch))))
    }
}

impl Wake for Touching {
    fn wake(self: Arc<Self>) {
        self.0.touch();
    }
}

impl Drop for Touching {
    fn drop(&mut self) {
        self.0.touch();
    }
}

/// Polls once, with a waker that uses the handoff.
fn is_pending<F: Future>(future: &mut std::pin::Pin<Box<F>>, touch: &Arc<Touch>) -> bool {
    let waker = Touching::waker(touch);
    matches!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending)
}

runtimes::watched_tests! {
    fn a_waker_may_use_the_handoff_on_which_its_task_waits() {
        for close in [false, true] {
            let (touch, sender, receiver) = Touch::new(1);
            let held = sender.try_reserve(1).unwrap();
            let mut waits = (
                Box::pin(sender.reserve(1)),
                Box::pin(sender.reserve(2)),
                Box::pin(sender.closed()),
                Box::pin(receiver.recv()),
            );
            assert!(is_pending(&mut waits.0, &touch) && is_pending(&mut waits.1, &touch));
            assert!(is_pending(&mut waits.2, &touch) && is_pending(&mut waits.3, &touch));
            // Replaces wakers.
            let before = touch.count();
            assert!(is_pending(&mut waits.0, &touch) && is_pending(&mut waits.3, &touch));
            assert!(touch.count() >= before + 2, "those that were replaced were dropped");
            let before = touch.count();
            if close { receiver.close() } else { drop(held) }
            drop(waits);
            assert!(touch.count() >= before + 2, "they were woken, or dropped");
        }
    }

    fn a_receiver_that_is_woken_may_drop_itself_and_others_in_its_waker() {
        struct Dropping(Mutex<Option<Waits>>);
        type Waits = Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>;
        impl Wake for Dropping {
            fn wake(self: Arc<Self>) {
                let waits = self.0.lock().unwrap().take();
                drop(waits);
            }
        }
        let (sender, receiver) = handoff(1, 10);
        let mut waits: Waits = Vec::new();
        for _ in 0..3 {
            let receiver = receiver.clone();
            waits.push(Box::pin(async move { drop(receiver.recv().await) }));
        }
        let dropping = Arc::new(Dropping(Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&dropping));
        assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()));
        *dropping.0.lock().unwrap() = Some(waits);
        sender.try_send(1, 1).unwrap();
        assert_eq!((drained(&receiver), sender.receiver_count()), (vec![1], 1));
    }

    fn a_message_may_use_the_handoff_when_it_is_dropped() {
        let (touch, sender, receiver) = Touch::new(8);
        let message = || Touching(Arc::clone(&touch));
        let drops = |what: &mut dyn FnMut()| {
            let before = touch.count();
            what();
            assert!(touch.count() > before);
        };
        drops(&mut || {
            sender.try_send(message(), 1).unwrap();
            drop(receiver.try_recv().unwrap());
        });
        drops(&mut || {
            sender.try_send(message(), 1).unwrap();
            drop(receiver.try_recv().unwrap().into_shared());
        });
        drops(&mut || {
            sender.try_send(message(), 1).unwrap();
            drop(sender.evict_oldest().unwrap());
        });
        drops(&mut || {
            sender.try_send(message(), 1).unwrap();
            drop(receiver.drain());
        });
        drops(&mut || drop(sender.try_send(message(), 2000)));
        drops(&mut || drop(Hand::new(sender.send(message(), 2000)).run()));
    }

    fn a_queue_that_is_discarded_may_use_its_handoff() {
        struct Asks(Sender<Self>, Arc<AtomicUsize>);
        impl Drop for Asks {
            fn drop(&mut self) {
                assert!(self.0.is_closed() && self.0.try_reserve(1).is_err());
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (sender, receiver) = handoff(8, 100);
        let asked = Arc::<AtomicUsize>::default();
        for _ in 0..3 {
            sender.try_send(Asks(sender.clone(), Arc::clone(&asked)), 1).unwrap();
        }
        drop(receiver);
        assert_eq!((asked.load(Ordering::SeqCst), pending(&sender)), (3, (0, 0)));
    }

    /// Each waiter is served inside the wake-up of the one before it.
    fn tasks_that_run_inside_of_wake_do_not_nest_without_end() {
        struct AtOnce(Mutex<Option<futures_util::future::BoxFuture<'static, ()>>>, Arc<AtomicUsize>);
        impl Wake for AtOnce {
            fn wake(self: Arc<Self>) {
                // Not while it runs, or is done.
                let Ok(mut task) = self.0.try_lock() else { return };
                let waker = Waker::from(Arc::clone(&self));
                let Some(future) = &mut *task else { return };
                if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    *task = None;
                    self.1.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        const TASKS: usize = 30_000;
        let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1).with_cooperative(false));
        let left = Arc::new(AtomicUsize::new(2 * TASKS));
        let permit = sender.try_reserve(1).unwrap();
        for task in 0..2 * TASKS {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            let future = async move {
                match task % 2 {
                    0 => sender.send((), 1).await.unwrap(),
                    _ => drop(receiver.recv().await.unwrap()),
                }
            };
            Waker::from(Arc::new(AtOnce(Mutex::new(Some(future.boxed())), Arc::clone(&left)))).wake();
        }
        assert_eq!(left.load(Ordering::SeqCst), 2 * TASKS);
        drop(permit);
        assert_eq!((left.load(Ordering::SeqCst), pending(&sender)), (0, (0, 0)));
    }

    fn a_waker_that_panics_harms_no_other_user() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker");
            }
        }
        let waker = Waker::from(Arc::new(Panics));
        let mut cx = Context::from_waker(&waker);
        let (sender, receiver) = handoff(2, 10);
        let mut panics = Box::pin(receiver.recv());
        assert!(panics.as_mut().poll(&mut cx).is_pending());
        let mut next = Hand::waiting(receiver.recv());
        sender.try_send(1, 5).unwrap();
        sender.try_send(2, 5).unwrap();
        let held = next.run().unwrap();
        let mut panics = Box::pin(sender.send(3, 5));
        assert!(panics.as_mut().poll(&mut cx).is_pending());
        let mut behind = Hand::waiting(sender.send(4, 5));
        drop((held, drained(&receiver)));
        behind.run().unwrap().unwrap();
        drop(panics);
        assert_eq!((drained(&receiver), pending(&sender)), (vec![4], (0, 0)));
    }

    fn a_message_that_panics_when_it_is_dropped_ends_its_charge() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("a message");
            }
        }
        let (sender, receiver) = handoff(4, 10);
        let panics = |what: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(what)).is_err());
        sender.try_send(Panics, 1).unwrap();
        panics(&mut || drop(receiver.try_recv()));
        sender.try_send(Panics, 1).unwrap();
        panics(&mut || drop(receiver.try_recv().unwrap().into_shared()));
        assert_eq!(pending(&sender), (0, 0));
        sender.try_send(Panics, 1).unwrap();
        let mut closed = Hand::waiting(sender.closed());
        let mut receiver = Some(receiver);
        panics(&mut || drop(receiver.take()));
        assert!(closed.run().is_some());
        assert_eq!(pending(&sender), (0, 0));
    }
}
