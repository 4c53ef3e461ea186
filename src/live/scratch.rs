//! Folders that are gone once nobody needs them, however a run ends.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// All that are there.
static ALL: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<PathBuf>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder for one run; it goes when this does, or with [`abandon`].
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> io::Result<Scratch> {
        // Whoever abandons all finds it on the list or not made.
        let mut all = all();
        let folder = tempfile::Builder::new().prefix("byzlab-").tempdir()?;
        all.push(folder.path().to_owned());
        Ok(Scratch(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        all().retain(|path| path != self.0.path());
    }
}

/// How often a folder is removed into which somebody still writes, and the time between.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Ends the processes of all parties at once and removes the folders of all runs, for whoever exits
/// without coming back to them.
pub(crate) fn abandon() {
    // Held to the end: nothing is made any more.
    let all = all();
    byzlab_live::abandon();
    for path in all.iter() {
        for _ in 0..ATTEMPTS {
            let _ = std::fs::remove_dir_all(path);
            if !path.exists() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
    // The process is about to end; whoever waits for the list must not go on before.
    std::mem::forget(all);
}
