//! Files and folders as given on the command line.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use byzlab_scenarios::{Document, MAX_FILE_BYTES, Registry};

use super::Failure;

/// The scenario files that are meant: a file is itself, a folder all `.toml` files in it and
/// below, sorted; `-` is standard input.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            walk(path, &mut files)?;
            files[before..].sort();
            if files.len() == before {
                let message = format!("{}: no .toml file in this folder", path.display());
                return Err(Failure::Usage(message));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::Io(folder.display().to_string(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A link to a folder is not followed: it could lead back here.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads and decodes a file.
pub(crate) fn document(
    path: &Path,
    set: &[String],
    registry: &Registry,
) -> Result<Document, Failure> {
    let (name, bytes) = bytes(path, MAX_FILE_BYTES)?;
    Ok(Document::decode(&name, &bytes, set, registry)?)
}

/// The name and the bytes of a file or of standard input, one more than `most` at the most.
pub(crate) fn bytes(path: &Path, most: usize) -> Result<(String, Vec<u8>), Failure> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = read(path, &name, most as u64 + 1)?;
    Ok((name, bytes))
}

/// Reads a regular file or standard input, `limit` bytes at the most.
fn read(path: &Path, name: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Io(name.to_owned(), error);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::Usage(format!("{name}: not a regular file")));
    }
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
