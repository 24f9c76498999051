//! What is done when the user, or the system, ends the program.

/// The exit statuses of programs that SIGINT and SIGTERM end.
#[cfg(unix)]
const STATUSES: (i32, i32) = (130, 143);

/// The longest time that is taken before the program ends.
#[cfg(unix)]
const ACT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Does something when the program is interrupted, and then ends it. From now on, an interruption does
/// nothing else.
#[cfg_attr(
    unix,
    expect(
        clippy::exit,
        reason = "that is what an interruption does to a program"
    )
)]
pub fn when_interrupted(act: impl FnOnce() + Send + 'static) {
    #[cfg(unix)]
    std::thread::spawn(move || {
        if let Some(status) = interruption() {
            let (done, waiting) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                act();
                let _ = done.send(());
            });
            let _ = waiting.recv_timeout(ACT_TIMEOUT);
            std::process::exit(status);
        }
    });
    #[cfg(not(unix))]
    drop(act);
}

/// Waits for an interruption; returns the exit status that it has.
#[cfg(unix)]
fn interruption() -> Option<i32> {
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().ok()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).ok()?;
        let mut terminate = signal(SignalKind::terminate()).ok()?;
        std::future::poll_fn(|context| {
            if interrupt.poll_recv(context).is_ready() {
                Poll::Ready(Some(STATUSES.0))
            } else if terminate.poll_recv(context).is_ready() {
                Poll::Ready(Some(STATUSES.1))
            } else {
                Poll::Pending
            }
        })
        .await
    })
}
