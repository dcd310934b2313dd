//! A service and a driver as processes of their own.
#![cfg(target_os = "linux")]

mod commands;
mod processes;
mod protocol;
mod tools;
