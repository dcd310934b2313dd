//! The list of the scenarios.

/// Generates scenarios for a place, under the watchdog.
macro_rules! stamp {
    ($run:path: $($module:ident::$scenario:ident,)*) => {
        crate::runtimes::watched_tests! {
            $( fn $scenario() { $run(crate::$module::$scenario); } )*
        }
    };
}

/// Those that every place can run.
macro_rules! anywhere {
    ($($place:ident: $run:path;)*) => { $(
        mod $place {
            stamp! { $run:
                routing::frames_in_any_pieces_keep_their_order,
                routing::reads_that_are_cancelled_lose_nothing,
                routing::a_slow_reader_holds_the_producer_back_and_cancelled_writes_submit_nothing,
                producers::producers_in_tasks_write_to_a_task,
                producers::producers_that_run_with_the_task_share_it,
                producers::producers_in_other_threads_write_to_a_writer_that_stays,
                ending::a_writer_comes_back_and_goes_on,
                ending::a_close_is_waited_for,
                ending::a_flush_reaches_the_peer,
                tunnel::each_side_closes_by_itself,
            }
        }
    )* };
}
