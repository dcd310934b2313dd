//! Macros that generate code for each runtime.
//!
//! The features of this package decide which runtimes exist, not those of the package that uses the
//! macros.

/// Generates each test for every enabled runtime, under the watchdog.
///
/// ```
/// # use futures_handoff_runtimes as runtimes;
/// # use runtimes::Runtime;
/// runtimes::tests! {
///     /// Becomes `answers::local`, `answers::tokio` and so on.
///     async fn answers<R: Runtime>() {
///         assert_eq!(R::task(async { 42 }).await, 42);
///     }
/// }
/// ```
#[macro_export]
macro_rules! tests {
    ($($tests:tt)*) => { $crate::__tests! { watched, $($tests)* } };
}

/// Generates each test for every enabled runtime, each in a process of its own: see
/// [`alone`](crate::alone).
///
/// ```
/// # use futures_handoff_runtimes as runtimes;
/// # use runtimes::Runtime;
/// runtimes::tests_alone! {
///     /// Becomes `has_the_process_for_itself::local` and so on.
///     async fn has_the_process_for_itself<R: Runtime>() {
///         R::task(async {}).await;
///     }
/// }
/// ```
#[macro_export]
macro_rules! tests_alone {
    ($($tests:tt)*) => { $crate::__tests! { alone, $($tests)* } };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($guard:ident, $($(#[$attribute:meta])* async fn $name:ident<$R:ident: Runtime>() $body:block)*) => {
        $( $crate::__tests! { @one $guard, $(#[$attribute])* $name, $R, $body } )*
    };
    (@one $guard:ident, $(#[$attribute:meta])* $name:ident, $R:ident, $body:block) => {
        mod $name {
            use super::*;

            async fn body<$R: $crate::Runtime>() $body

            $crate::__stamp_local! { $crate::__test! { local, Local, $(#[$attribute])* $guard } }
            $crate::__stamp_tokio! { $crate::__test! { tokio, Tokio, $(#[$attribute])* $guard } }
            $crate::__stamp_tokio! { $crate::__test! { tokio_current, TokioCurrent, $(#[$attribute])* $guard } }
            $crate::__stamp_smol! { $crate::__test! { smol, Smol, $(#[$attribute])* $guard } }
            $crate::__stamp_async_std! { $crate::__test! { async_std, AsyncStd, $(#[$attribute])* $guard } }
        }
    };
}

/// Puts tests that need no runtime under the watchdog.
///
/// ```
/// # use futures_handoff_runtimes as runtimes;
/// # use runtimes::Runtime;
/// runtimes::watched_tests! {
///     fn ends() {
///         runtimes::Local::block_on(async {});
///     }
/// }
/// ```
#[macro_export]
macro_rules! watched_tests {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => { $(
        #[test]
        $(#[$attribute])*
        fn $name() {
            $crate::watched(concat!(module_path!(), "::", stringify!($name)), || $body);
        }
    )* };
}

/// Runs a block once for every enabled runtime, with a type alias for it.
///
/// ```
/// # use futures_handoff_runtimes as runtimes;
/// # use runtimes::Runtime;
/// let mut names = Vec::new();
/// runtimes::for_each!(R => { names.push(R::NAME) });
/// assert_eq!(names[0], "local");
/// ```
#[macro_export]
macro_rules! for_each {
    ($R:ident => $body:block) => {
        $crate::__stamp_local! { { type $R = $crate::Local; $body } }
        $crate::__stamp_tokio! { { type $R = $crate::Tokio; $body } }
        $crate::__stamp_tokio! { { type $R = $crate::TokioCurrent; $body } }
        $crate::__stamp_smol! { { type $R = $crate::Smol; $body } }
        $crate::__stamp_async_std! { { type $R = $crate::AsyncStd; $body } }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ($name:ident, $runtime:ident, $(#[$attribute:meta])* $guard:ident) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            $crate::$guard(concat!(module_path!(), "::", stringify!($name)), || {
                <$crate::$runtime as $crate::Runtime>::block_on(body::<$crate::$runtime>());
            });
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __stamp_local {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Defines a macro that expands to its input if a feature is on. The dollar is for the defined
/// macro.
macro_rules! stamp_if {
    ($dollar:tt $name:ident $feature:literal) => {
        #[cfg(feature = $feature)]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
                                            ($dollar($dollar tokens:tt)*) => { $dollar($dollar tokens)* };
                                        }

        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar tokens:tt)*) => {};
        }
    };
}

stamp_if!($ __stamp_tokio "tokio");
stamp_if!($ __stamp_smol "smol");
stamp_if!($ __stamp_async_std "async-std");
