//! What else is an executor: one that is borrowed, shared or boxed, and a closure.

use std::{cell::Cell, rc::Rc, sync::Arc};

use futures_handoff::{Executor, WriteHandoff, WriteHandoffConfig, executor_fn};
use futures_util::{FutureExt, future::LocalBoxFuture};

/// Polls what it is given once, at once.
struct Once;

impl<F: Future<Output = ()>> Executor<F> for Once {
    fn execute(&self, future: F) {
        let mut future = std::pin::pin!(future);
        assert!(future.as_mut().now_or_never().is_some(), "it is ready at once");
    }
}

/// Runs a future through `executor`, which may be unsized.
fn runs(executor: &(impl Executor<LocalBoxFuture<'static, ()>> + ?Sized)) {
    let ran = Rc::new(Cell::new(0));
    let seen = Rc::clone(&ran);
    executor.execute(async move { seen.set(seen.get() + 1) }.boxed_local());
    assert_eq!(ran.get(), 1);
}

#[test]
fn what_refers_to_an_executor_is_one() {
    runs(&Once);
    runs(&&Once);
    runs(&Arc::new(Once));
    runs(&Box::new(Once));
    let boxed: Box<dyn Executor<LocalBoxFuture<'static, ()>>> = Box::new(Once);
    runs(&boxed);
    runs(&*boxed);
    let shared: Arc<dyn Executor<LocalBoxFuture<'static, ()>>> = Arc::from(boxed);
    runs(&shared);
}

#[test]
fn a_closure_that_is_given_a_task_is_an_executor() {
    let (sender, tasks) = std::sync::mpsc::channel();
    let executor = executor_fn(|task| sender.send(task).unwrap());
    let handoff = WriteHandoff::spawn(Vec::new(), WriteHandoffConfig::default(), &executor);
    let ticket = handoff.try_write("written".into()).unwrap();
    drop(handoff);
    futures_executor::block_on(tasks.recv().unwrap());
    assert!(ticket.now_or_never().unwrap().is_ok());
}
