//! Processes that are ended together with those that they start.

use std::process::{Child, Command};

/// Starts a command in a process group of its own: Ctrl-C at the terminal reaches only this
/// process, which then ends the group.
pub(super) fn own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Ends the group of a child, which may have outlived the child.
pub(super) fn end(child: &mut Child, at_once: bool) {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        use nix::sys::signal::{SIGKILL, SIGTERM, killpg};

        // Without such a group, it has already ended.
        let signal = if at_once { SIGKILL } else { SIGTERM };
        let _ = killpg(nix::unistd::Pid::from_raw(group), signal);
    }
    #[cfg(not(unix))]
    if at_once || child.try_wait().is_ok() {
        let _ = child.kill();
    }
}
