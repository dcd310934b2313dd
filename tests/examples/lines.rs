//! The line protocol.

use crate::{
    line_protocol::read,
    runtimes,
    support::{End, assert_ended, reader},
};

runtimes::tests! {
    async fn settings_before_the_end_or_the_error_are_kept<R: Runtime>() {
        let lines = ["a=1\r\n", "b=\r\n", "c\r\n", "\r\n", "dd=d=d\r\n", "e=\r5\r\n"];
        let expected = [("a", "1"), ("b", ""), ("c", ""), ("", ""), ("dd", "d=d"), ("e", "\r5")];
        let input = lines.concat();
        for (at, end) in End::anywhere(input.len()) {
            let mut left = at;
            let whole = lines.iter().take_while(|line| left.checked_sub(line.len()).is_some_and(|n| { left = n; true }));
            let whole = whole.count();
            for seed in 0..20 {
                let mut settings = Default::default();
                let result = read(reader(seed, &input.as_bytes()[..at], end), &mut settings).await;
                let mut sorted = expected[..whole].to_vec();
                sorted.sort_unstable();
                assert!(settings.iter().map(|(key, value)| (&key[..], &value[..])).eq(
                    sorted.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()))
                ), "{at}: {settings:?}");
                assert_ended(result, end, left);
            }
        }
    }
}
