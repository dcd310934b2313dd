//! The same scenarios wherever futures can run: executors with one thread and with several, streams
//! that may leave their thread and streams that may not, sockets that report readiness and sockets
//! that complete operations.

mod ending;
mod places;
mod producers;
mod routing;
#[macro_use]
mod stamp;
mod support;
mod tunnel;

use futures_handoff_runtimes as runtimes;

anywhere! {
    block_on: crate::places::block_on;
    thread_pool: crate::places::thread_pool;
    local_pool: crate::places::local_pool;
    tokio_local_set: crate::places::tokio_local_set;
    smol_local_executor: crate::places::smol_local_executor;
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
anywhere! {
    compio: crate::places::compio::usual;
    compio_polling: crate::places::compio::polling;
}

/// Where the writer may go to another thread.
mod sent {
    mod block_on {
        stamp! { crate::places::block_on: producers::the_task_has_a_thread_of_its_own, }
    }

    mod thread_pool {
        stamp! { crate::places::thread_pool: producers::the_task_has_a_thread_of_its_own, }
    }
}
