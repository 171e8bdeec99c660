//! The end of a ring: nothing that the kernel was given may go before the kernel lets go of it.

use std::io;
use std::time::{Duration, Instant};

use io_uring::types;

use super::core::{Core, is_passing};
use super::slot::Ending;

impl Core {
    /// Ends every operation and refuses new ones. Streams and listeners that are still held fail.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.closing = true;
        for (_, slot) in &mut self.streams {
            slot.ending.get_or_insert(Ending::Failed(libc::ECANCELED));
            slot.send_failure.get_or_insert(libc::ECANCELED);
            slot.wake_reader();
            slot.wake_writer();
        }
        self.close_listeners();
        self.quiesce()
    }

    /// Cancels all that is in flight and waits until the kernel names none of our memory. It gives
    /// up when nothing has ended for a while, however much there is to end.
    fn quiesce(&mut self) -> io::Result<()> {
        let mut gives_up = Instant::now() + PATIENCE;
        while self.in_flight > 0 {
            let before = self.in_flight;
            // What still lies in the queue cannot be cancelled, so it is submitted first.
            while self.turn()? > 0 {}
            self.cancel_everything()?;
            while self.turn()? > 0 {}
            if self.in_flight < before {
                gives_up = Instant::now() + PATIENCE;
            } else if Instant::now() > gives_up {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn cancel_everything(&self) -> io::Result<()> {
        let patience = Some(types::Timespec::from(CANCEL_PATIENCE));
        let everything = types::CancelBuilder::any();
        let cancelled = self
            .uring
            .submitter()
            .register_sync_cancel(patience, everything);
        match cancelled {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let quiet = self.close();
        let unlisted = self.pool.unregister(&self.uring.submitter());
        if quiet.is_err() || unlisted.is_err() {
            // The kernel may still write to the buffers, or read what a slot sends: leaked memory
            // is the lesser harm.
            std::mem::forget(self.pool.clone());
            std::mem::forget(std::mem::take(&mut self.streams));
        }
    }
}

/// How long a ring that goes waits for the kernel before it leaks its memory instead.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one attempt to cancel may take.
const CANCEL_PATIENCE: Duration = Duration::from_millis(100);
