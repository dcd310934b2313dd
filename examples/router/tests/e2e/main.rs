//! The router between real programs: nginx, redis-server, haproxy, curl, openssl. A test whose
//! programs are not installed says so, and passes.
#![cfg(target_os = "linux")]

#[macro_use]
mod support;

mod bad_input;
mod banners;
mod counters;
mod ends;
mod http;
mod limits;
mod proxy_header;
mod redis;
mod signals;
mod tls;
mod upstreams;
