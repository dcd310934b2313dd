//! Processes that are ended together with those that they start.

#[cfg(unix)]
mod imp {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };

    pub(in crate::stream) fn group(command: &mut Command) {
        command.process_group(0);
    }

    pub(in crate::stream) fn end(child: &mut Child) {
        if let Ok(group) = i32::try_from(child.id()) {
            // It has ended already if there is no such group.
            let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::process::{Child, Command};

    pub(in crate::stream) fn group(_: &mut Command) {}

    pub(in crate::stream) fn end(child: &mut Child) {
        // It has ended already if it cannot be killed.
        let _ = child.kill();
    }
}

/// Ends the processes of a child's group.
pub(super) use imp::end;
/// Lets what a command starts be a group of its own.
pub(super) use imp::group;
